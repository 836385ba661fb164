import type { INotebookContent } from '@jupyterlab/nbformat';
import assert from 'node:assert/strict';
import test from 'node:test';
import { mergedText } from '../../src/conflict/cellmerge';
import {
  Choice,
  IRow,
  choiceOf,
  compose,
  differences,
  isOfBoth,
  threeWay,
  undecided,
  whoMoved
} from '../../src/conflict/threeway';

const code = (id: string | undefined, source: string, outputs: unknown[] = [], more: object = {}) => ({
  cell_type: 'code',
  ...(id === undefined ? {} : { id }),
  metadata: {},
  source,
  outputs,
  execution_count: null,
  ...more
});
const notebook = (cells: object[], metadata: object = {}, minor = 5) =>
  ({ cells, metadata, nbformat: 4, nbformat_minor: minor }) as unknown as INotebookContent;
const plot = (data: string) => ({ output_type: 'display_data', metadata: {}, data: { 'image/png': data } });

const acts = (rows: IRow[]) => differences(rows).map(row => [row.key, row.mineDid, row.theirsDid]);
const sources = (content: INotebookContent) => content.cells.map(cell => cell.source);
const none = new Map<string, Choice>();

test('who did what is said of each cell', () => {
  const base = notebook([
    code('same', '0'),
    code('m', '1'),
    code('t', '2'),
    code('b', '3'),
    code('dm', '4'),
    code('dt', '5')
  ]);
  const mine = notebook([
    code('same', '0'),
    code('m', '1!'),
    code('t', '2'),
    code('b', 'mine'),
    code('dt', '5'),
    code('new', '6')
  ]);
  const theirs = notebook([
    code('same', '0'),
    code('m', '1'),
    code('t', '2!'),
    code('b', 'theirs'),
    code('dm', '4'),
    code('add', '7')
  ]);
  const rows = threeWay({ base, mine, theirs });
  assert.deepEqual(acts(rows), [
    ['id m', 'changed', 'unchanged'],
    ['id t', 'unchanged', 'changed'],
    ['id b', 'changed', 'changed'],
    ['id dm', 'deleted', 'unchanged'],
    ['id add', 'none', 'added'],
    ['id dt', 'unchanged', 'deleted'],
    ['id new', 'added', 'none']
  ]);
  assert.deepEqual(
    undecided(rows, none).map(row => row.key),
    ['id b']
  );
  assert.deepEqual(
    differences(rows)
      .filter(isOfBoth)
      .map(row => row.key),
    ['id b']
  );
});

test('what one of them did is taken, and a choice decides the rest', () => {
  const base = notebook([code('a', '1'), code('b', '2'), code('c', '3')]);
  const mine = notebook([code('a', '1 mine'), code('b', '2 mine'), code('c', '3'), code('m', 'new')]);
  const theirs = notebook([code('t', 'first'), code('a', '1'), code('b', '2 theirs')]);
  const rows = threeWay({ base, mine, theirs });
  assert.throws(() => compose(rows, none, { base, mine, theirs }), /No choice was made/);
  const choices = new Map<string, Choice>([['id b', 'theirs']]);
  assert.deepEqual(sources(compose(rows, choices, { base, mine, theirs })), ['first', '1 mine', '2 theirs', 'new']);
});

test('a cell that one changed and the other deleted is asked about', () => {
  const base = notebook([code('a', '1')]);
  const versions = { base, mine: notebook([]), theirs: notebook([code('a', '1!')]) };
  const rows = threeWay(versions);
  assert.equal(undecided(rows, none).length, 1);
  assert.deepEqual(sources(compose(rows, new Map([['id a', 'mine']]), versions)), []);
  assert.deepEqual(sources(compose(rows, new Map([['id a', 'theirs']]), versions)), ['1!']);
});

test('changes of different lines of a cell go together, and no output of another text stays', () => {
  const base = notebook([code('a', 'x\n\ny\n\nz', [plot('old')])]);
  const mine = notebook([code('a', 'x\n\ny\n\nZ', [plot('mine')])]);
  const theirs = notebook([code('a', 'X\n\ny\n\nz', [plot('theirs')])]);
  const rows = threeWay({ base, mine, theirs });
  assert.equal(choiceOf(differences(rows)[0], none), 'both');
  const [cell] = compose(rows, none, { base, mine, theirs }).cells;
  assert.deepEqual([cell.source, cell.outputs], ['X\n\ny\n\nZ', []]);
});

test('two runs of one text with two plots are asked about', () => {
  const version = (data: string) => notebook([code('a', 'draw()', [plot(data)])]);
  const rows = threeWay({ base: version('old'), mine: version('mine'), theirs: version('theirs') });
  assert.equal(undecided(rows, none).length, 1);
  assert.equal(differences(rows)[0].both, null);
});

test('counts, times and trust of runs are no change', () => {
  const ran = code('a', 'x', [], { execution_count: 7, metadata: { trusted: true, execution: { shell: 'now' } } });
  assert.deepEqual(
    differences(threeWay({ base: null, mine: notebook([ran]), theirs: notebook([code('a', 'x')]) })),
    []
  );
});

test('cells whose ids were written anew are still the same cells', () => {
  const base = notebook([code('a', 'one'), code('b', 'two\nthree\nfour'), code('c', 'five')]);
  const theirs = notebook([code('p', 'one'), code('q', 'two\nthree\nFOUR'), code('r', 'five')]);
  const mine = notebook([code('a', 'one'), code('b', 'two\nthree\nfour'), code('c', 'five!')]);
  const versions = { base, mine, theirs };
  assert.deepEqual(sources(compose(threeWay(versions), none, versions)), ['one', 'two\nthree\nFOUR', 'five!']);
});

test('cells without ids are paired, and have none afterwards', () => {
  const base = notebook([code(undefined, 'a'), code(undefined, 'b')], {}, 4);
  const mine = notebook([code(undefined, 'a'), code(undefined, 'mine'), code(undefined, 'b')], {}, 4);
  const theirs = notebook([code(undefined, 'a'), code(undefined, 'b'), code(undefined, 'theirs')], {}, 4);
  const composed = compose(threeWay({ base, mine, theirs }), none, { base, mine, theirs });
  assert.deepEqual(sources(composed), ['a', 'mine', 'b', 'theirs']);
  assert.ok(composed.cells.every(cell => !('id' in cell)));
});

test('no two cells have one id, and from 4.5 on each has one', () => {
  const mine = notebook([code('a', '1'), code('a', '2')]);
  const theirs = notebook([code(undefined, 'old format')], {}, 4);
  const versions = { base: null, mine, theirs };
  const ids = compose(threeWay(versions), none, versions).cells.map(cell => cell.id);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 3);
  assert.ok(ids.every(id => /^[a-zA-Z0-9_-]{1,64}$/.test(String(id))));
});

test('without the base nothing is taken for deleted, and what differs is asked about', () => {
  const versions = {
    base: null,
    mine: notebook([code('a', '1'), code('m', 'x')]),
    theirs: notebook([code('a', '2'), code('t', 'y')])
  };
  const rows = threeWay(versions);
  assert.deepEqual(
    undecided(rows, none).map(row => row.key),
    ['id a']
  );
  assert.deepEqual(sources(compose(rows, new Map([['id a', 'theirs']]), versions)), ['2', 'x', 'y']);
});

test('cells that were moved stay where they were put', () => {
  const [a, b, c] = [code('a', '1'), code('b', '2'), code('c', '3')];
  const [base, moved] = [notebook([a, b, c]), notebook([{ ...c }, { ...a }, { ...b }])];
  const edited = notebook([{ ...a }, code('b', '2!'), { ...c }]);
  for (const versions of [
    { base, mine: moved, theirs: edited },
    { base, mine: edited, theirs: moved }
  ]) {
    assert.deepEqual(sources(compose(threeWay(versions), none, versions)), ['3', '1', '2!']);
    assert.equal(whoMoved(threeWay(versions), versions), versions.mine === moved ? 'mine' : 'theirs');
  }
});

test('the details of the notebook are merged key by key, and its kernel is no reason to ask', () => {
  const [kernel, other] = [{ kernelspec: { name: 'python3' } }, { kernelspec: { name: 'ir' } }];
  const base = notebook([], { title: 'old', ...kernel });
  const mine = notebook([], { title: 'old', author: 'me', ...kernel });
  const theirs = notebook([], { title: 'new', ...other });
  const rows = threeWay({ base, mine, theirs });
  assert.deepEqual(undecided(rows, none), []);
  assert.deepEqual(compose(rows, none, { base, mine, theirs }).metadata, { title: 'new', author: 'me', ...other });
  const mineToo = notebook([], { title: 'mine', ...kernel });
  assert.deepEqual(
    undecided(threeWay({ base, mine: mineToo, theirs }), none).map(row => row.key),
    ['notebook']
  );
});

test('the merge of the server decides what both changes are', () => {
  const base = notebook([code('a', '1\n2')]);
  const [mine, theirs] = [notebook([code('a', '1!\n2')]), notebook([code('a', '1\n2!')])];
  assert.equal(undecided(threeWay({ base, mine, theirs }), none).length, 1);
  const rows = threeWay({ base, mine, theirs }, notebook([code('a', '1!\n2!')]));
  assert.deepEqual(sources(compose(rows, none, { base, mine, theirs })), ['1!\n2!']);
});

test('texts are merged as long as they do not touch', () => {
  assert.equal(mergedText('a\nb\nc', 'A\nb\nc', 'a\nb\nC'), 'A\nb\nC');
  assert.equal(mergedText('a\nb\nc', 'A\nb\nc', 'a\nB\nc'), null);
  assert.equal(mergedText('a\nb', 'a\nb\nmine', 'a\nb\ntheirs'), null);
  assert.equal(mergedText('a\nb\nc', 'a\nX\nc', 'a\nX\nc\nd'), 'a\nX\nc\nd');
  assert.equal(mergedText('a\nb\nc\nd', 'a\nd', 'a\nb\nc\nD'), null);
  assert.equal(mergedText('', 'a', ''), 'a');
});

/** Numbers that are the same in each run. */
function* numbers(seed: number): Generator<number, number> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

test('whatever the versions are: all mine gives mine, all theirs gives theirs, and each row is one cell', () => {
  const next = numbers(11);
  const upTo = (limit: number) => Math.floor(next.next().value * limit);
  const text = () => Array.from({ length: upTo(4) }, () => 'abc'[upTo(3)]).join('\n');
  const cell = () => code(upTo(4) ? 'pqrst'[upTo(5)] : undefined, text(), upTo(3) ? [] : [plot('xy'[upTo(2)])]);
  const any = () => notebook(Array.from({ length: upTo(6) }, cell));
  for (let round = 0; round < 3000; round++) {
    const versions = { base: upTo(4) ? any() : null, mine: any(), theirs: any() };
    const rows = threeWay(versions);
    assert.equal(new Set(rows.map(row => row.key)).size, rows.length);
    for (const side of ['mine', 'theirs'] as const) {
      const all = new Map(rows.map(row => [row.key, side]));
      const composed = compose(rows, all, versions);
      const says = (content: INotebookContent) =>
        content.cells.map(one => `${one.source} ${JSON.stringify(one.outputs)}`).sort();
      assert.deepEqual(says(composed), says(versions[side]));
    }
    const changed = rows.filter(row => row.theirsDid === 'unchanged' && row.mineDid === 'unchanged');
    assert.deepEqual(undecided(changed, none), []);
  }
});

test('a large notebook is laid out in a moment', () => {
  const many = (word: string) =>
    notebook(Array.from({ length: 3000 }, (_, index) => code(`c${index}`, `${word} ${index}`)));
  const versions = { base: many('base'), mine: many('mine'), theirs: many('theirs') };
  assert.equal(undecided(threeWay(versions), none).length, 3000);
});
