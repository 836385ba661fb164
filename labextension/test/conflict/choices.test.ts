import type { INotebookContent } from '@jupyterlab/nbformat';
import assert from 'node:assert/strict';
import test from 'node:test';
import { ConflictChoices } from '../../src/conflict/choices';
import { mergeWaits, mineHead, optionLabel, rowWords, theirsHead, whyNoMerge } from '../../src/conflict/words';
import type { IRow } from '../../src/conflict/threeway';
import { trans } from '../given';

const code = (id: string, source: string) => ({
  cell_type: 'code',
  id,
  metadata: {},
  source,
  outputs: [],
  execution_count: null
});
const notebook = (...cells: object[]) =>
  ({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }) as unknown as INotebookContent;
const many = (word: string) =>
  notebook(...Array.from({ length: 200 }, (_, at) => code(`c${at}`, at % 5 ? `${at}` : `${word} ${at}`)));
const given = () => new ConflictChoices({ base: many('base'), mine: many('mine'), theirs: many('theirs') });

test('a notebook of 200 cells is decided with keys alone', () => {
  const model = given();
  assert.equal(model.open.length, 40);
  for (let round = 0; round < 40; round++) {
    assert.equal(model.press(round % 2 ? '1' : '2'), true);
  }
  assert.equal(model.open.length, 0);
  const composed = model.compose(many('mine'))!;
  assert.deepEqual(
    [composed.cells[0].source, composed.cells[5].source, composed.cells[7].source],
    ['theirs 0', 'mine 5', '7']
  );
});

test('keys go from change to change, and not beyond', () => {
  const model = given();
  const keyAfter = (...keys: string[]) => {
    keys.forEach(key => model.press(key));
    return model.current?.key;
  };
  assert.equal(keyAfter('k'), 'id c0');
  assert.equal(keyAfter('j', 'j', 'K'), 'id c5');
  assert.equal(keyAfter('End', 'j'), 'id c195');
  assert.equal(keyAfter('n'), 'id c0', 'from the top again');
  assert.equal(keyAfter('3'), 'id c0', 'there is nothing that has both changes');
  assert.equal(model.open.length, 40);
  assert.equal(model.press('x'), false);
});

test('one choice decides the rest, and overrules nothing', () => {
  const model = given();
  model.press('2');
  model.decideRest('mine');
  assert.deepEqual([model.choiceOf(model.changes[0]), model.choiceOf(model.changes[1])], ['theirs', 'mine']);
  assert.equal(model.open.length, 0);
});

test('cells that are the same are folded between those that are not', () => {
  const lines = given().lines.map(line => ('rows' in line ? line.rows.length : line.key));
  assert.deepEqual(lines.slice(0, 4), ['id c0', 4, 'id c5', 4]);
});

test('choices stay when the versions change, except about cells that changed', () => {
  const model = given();
  model.decideRest('theirs');
  const newer = many('theirs');
  newer.cells[5] = { ...newer.cells[5], source: 'newer' } as any;
  const again = new ConflictChoices({ ...model.versions, theirs: newer }, null, model);
  assert.deepEqual(
    again.open.map(row => row.key),
    ['id c5']
  );
});

test('what came to the screen meanwhile is in the merge; what needs a choice brings it back', () => {
  const model = given();
  model.decideRest('theirs');
  const typed = many('mine');
  typed.cells[7] = { ...typed.cells[7], source: 'typed meanwhile' } as any;
  assert.equal(model.compose(typed)?.cells[7].source, 'typed meanwhile');
  typed.cells[5] = { ...typed.cells[5], source: 'typed meanwhile' } as any;
  assert.equal(model.compose(typed), null);
});

test('words say who did what', () => {
  const row = (mineDid: IRow['mineDid'], theirsDid: IRow['theirsDid']) => ({ mineDid, theirsDid }) as IRow;
  assert.equal(rowWords(row('none', 'added'), trans), 'added by them');
  assert.equal(rowWords(row('changed', 'unchanged'), trans), 'changed by you');
  assert.equal(rowWords(row('changed', 'deleted'), trans), 'changed by you; deleted by them');
  assert.equal(rowWords(row('changed', 'changed'), trans), 'changed by both of you');
  assert.equal(rowWords(row('unknown', 'none'), trans), 'only in yours');
});

test('a choice says what becomes of a cell that only one has', () => {
  const [, added] = new ConflictChoices({ base: notebook(), mine: notebook(), theirs: notebook(code('t', '1')) }).rows;
  assert.equal(optionLabel(added, 'theirs', trans), 'Theirs: keep it');
  assert.equal(optionLabel(added, 'mine', trans), 'Yours: leave it out');
});

test('the heads of both versions say who and when, as far as it is known', () => {
  assert.equal(
    theirsHead('ben@example.org', '10:41', trans),
    'In the workspace since 10:41, last edited by ben@example.org'
  );
  assert.equal(theirsHead(null, null, trans), 'In the workspace');
  assert.equal(mineHead('10:41', trans), 'On this screen, last saved here 10:41');
});

test('what Merge waits for, or why there is none, is said', () => {
  assert.equal(mergeWaits(0, trans), null);
  assert.match(mergeWaits(3, trans)!, /3 cells/);
  assert.equal(whyNoMerge({ isDeleted: false, isTooLarge: false, hasTheirs: true }, trans), null);
  assert.match(whyNoMerge({ isDeleted: false, isTooLarge: true, hasTheirs: false }, trans)!, /too large/);
  assert.match(whyNoMerge({ isDeleted: true, isTooLarge: false, hasTheirs: false }, trans)!, /no version/);
  assert.match(whyNoMerge({ isDeleted: false, isTooLarge: false, hasTheirs: false }, trans)!, /not a notebook/);
});
