import type { INotebookContent } from '@jupyterlab/nbformat';
import assert from 'node:assert/strict';
import test from 'node:test';
import { same, sameCells } from '../../src/conflict/notebookdiff';

const code = (source: string, outputs: unknown[] = []) => ({
  cell_type: 'code',
  metadata: {},
  source,
  outputs,
  execution_count: null
});
const notebook = (...cells: object[]) =>
  ({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }) as unknown as INotebookContent;

test('texts in pieces, trust, ids and counts make no difference', () => {
  const one = notebook({ ...code('a\nb'), id: 'c0', execution_count: 1, metadata: { trusted: true } });
  const other = notebook({ ...code(''), source: ['a\n', 'b'], id: 'c1', execution_count: 2 });
  assert.equal(sameCells(one, other), true);
  assert.equal(sameCells(one, notebook(code('a\nc'))), false);
});

test('the order of keys makes no difference', () => {
  const [one, other] = [
    { a: 1, b: [{ c: 2, d: 3 }] },
    { b: [{ d: 3, c: 2 }], a: 1 }
  ];
  assert.equal(sameCells(notebook(code('', [one])), notebook(code('', [other]))), true);
});

test('a missing value equals only a missing one', () => {
  assert.equal(same(undefined, undefined), true);
  assert.equal(same(undefined, {}), false);
  assert.equal(same([], undefined), false);
  assert.equal(same({ a: null }, {}), false);
});
