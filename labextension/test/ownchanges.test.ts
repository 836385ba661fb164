import assert from 'node:assert/strict';
import test from 'node:test';
import { changesBetween, snapshotOf } from '../src/ownchanges';

const cell = (change: object = {}) => ({
  cell_type: 'code',
  id: 'c0',
  source: 'x = 1',
  metadata: {},
  execution_count: null,
  outputs: [] as object[],
  ...change
});
const notebook = (...cells: object[]) => ({ cells, metadata: { kernelspec: { name: 'python3' } }, nbformat: 4 });
const changes = (before: object, now: object) => changesBetween(snapshotOf(before), snapshotOf(now));
const RUN = cell({
  execution_count: 1,
  outputs: [{ output_type: 'stream', name: 'stdout', text: 'one' }],
  metadata: { execution: { 'iopub.status.busy': '2026' } }
});

test('the same notebook has not changed', () => {
  assert.equal(changes(notebook(cell()), notebook(cell({ source: ['x = ', '1'] }))), 'none');
});

test('outputs and counts alone are no edits', () => {
  assert.equal(changes(notebook(cell()), notebook(RUN)), 'outputs');
  assert.equal(changes(notebook(RUN), notebook(cell())), 'outputs');
});

test('what a kernel sets is no edit', () => {
  const now = { ...notebook(cell()), metadata: { kernelspec: { name: 'r' }, language_info: { name: 'R' } } };
  assert.equal(changes(notebook(cell()), now), 'none');
});

test('source, kinds, places and metadata of cells are edits', () => {
  const other = cell({ source: 'y = 2', id: 'c1' });
  for (const now of [
    notebook(cell({ source: 'x = 2' })),
    notebook(cell({ cell_type: 'markdown' })),
    notebook(cell({ metadata: { tags: ['a'] } })),
    notebook(cell(), other),
    notebook(),
    { ...notebook(cell()), metadata: { authors: ['somebody'] } }
  ]) {
    assert.equal(changes(notebook(cell()), now), 'edits');
  }
  assert.equal(changes(notebook(cell(), other), notebook(other, cell())), 'edits');
  assert.equal(changes(notebook(cell()), notebook({ ...RUN, source: 'x = 2' })), 'edits', 'with outputs, too');
});
