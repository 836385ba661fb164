import type { INotebookContent } from '@jupyterlab/nbformat';
import assert from 'node:assert/strict';
import test from 'node:test';
import { DiffEntry, comparable, notebookDiff, sameCells } from '../src/notebookdiff';

const code = (source: string, outputs: unknown[] = []) => ({
  cell_type: 'code',
  metadata: {},
  source,
  outputs,
  execution_count: null
});
const markdown = (source: string) => ({ cell_type: 'markdown', metadata: {}, source });
const notebook = (...cells: object[]) =>
  ({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }) as unknown as INotebookContent;

/** Apply a diff as its format is defined, independently of how it was made. */
function patched(value: any, diff: readonly DiffEntry[]): any {
  if (typeof value === 'string') {
    return patched(value === '' ? [] : value.split(/(?<=\n)/), diff).join('');
  }
  if (!Array.isArray(value)) {
    const copy = { ...value };
    for (const entry of diff) {
      if (entry.op === 'remove') {
        delete copy[entry.key];
      } else if (entry.op === 'patch') {
        copy[entry.key] = patched(copy[entry.key], entry.diff);
      } else if (entry.op === 'replace' || entry.op === 'add') {
        copy[entry.key] = entry.value;
      }
    }
    return copy;
  }
  const result: unknown[] = [];
  let taken = 0;
  for (const entry of diff) {
    const key = entry.key as number;
    assert.ok(key >= taken, 'entries are in order');
    result.push(...value.slice(taken, key));
    taken = key;
    if (entry.op === 'addrange') {
      result.push(...entry.valuelist);
    } else if (entry.op === 'removerange') {
      taken += entry.length;
    } else if (entry.op === 'patch') {
      result.push(patched(value[key], entry.diff));
      taken += 1;
    }
  }
  return [...result, ...value.slice(taken)];
}

function assertLeads(base: INotebookContent, remote: INotebookContent): void {
  const [from, to] = [comparable(base), comparable(remote)];
  assert.deepEqual(patched(from, notebookDiff(from, to)).cells, to.cells);
}

/** Numbers that are the same in each run. */
function* numbers(seed: number): Generator<number, number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

test('a diff leads from one notebook to the other, whatever they are', () => {
  const next = numbers(7);
  const upTo = (limit: number) => Math.floor(next.next().value * limit);
  const lines = () => Array.from({ length: upTo(4) }, () => 'abc'[upTo(3)]).join('\n') + (upTo(2) ? '\n' : '');
  const cell = () => (upTo(3) ? code(lines(), Array.from({ length: upTo(3) }, () => ({ text: 'xy'[upTo(2)] }))) : markdown(lines()));
  const any = () => notebook(...Array.from({ length: upTo(6) }, cell));
  for (let round = 0; round < 3000; round++) {
    assertLeads(any(), any());
  }
});

test('what is the same is not shown', () => {
  const one = notebook(code('x = 1'), markdown('# Title'));
  assert.deepEqual(notebookDiff(comparable(one), comparable(one)), []);
});

test('a cell that was put in does not make those behind it differ', () => {
  const [base, remote] = [notebook(code('a'), code('b')), notebook(code('a'), markdown('new'), code('b'))];
  const diff = notebookDiff(comparable(base), comparable(remote)) as any;
  assert.deepEqual(diff[0].diff.map((entry: any) => [entry.op, entry.key]), [['addrange', 1]]);
});

test('a changed line is shown as a change of its cell', () => {
  const [base, remote] = [notebook(code('a\nb\nc')), notebook(code('a\nB\nc'))];
  const diff = notebookDiff(comparable(base), comparable(remote)) as any;
  assert.deepEqual(
    diff[0].diff[0].diff[0].diff.map((entry: any) => [entry.op, entry.key]),
    [
      ['addrange', 1],
      ['removerange', 1]
    ]
  );
});

test('texts in pieces, trust, ids and counts make no difference', () => {
  const one = notebook({ ...code('a\nb'), id: 'c0', execution_count: 1, metadata: { trusted: true } });
  const other = notebook({ ...code(''), source: ['a\n', 'b'], id: 'c1', execution_count: 2 });
  assert.equal(sameCells(one, other), true);
  assert.equal(sameCells(one, notebook(code('a\nc'))), false);
});

test('the order of keys makes no difference', () => {
  const [one, other] = [{ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 }];
  assert.equal(sameCells(notebook(code('', [one])), notebook(code('', [other]))), true);
});

test('a large notebook is compared in a moment', () => {
  const many = (word: string) => notebook(...Array.from({ length: 3000 }, (_, index) => code(`${word} ${index}`)));
  assertLeads(many('one'), many('other'));
});
