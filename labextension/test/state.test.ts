import assert from 'node:assert/strict';
import test from 'node:test';
import { ConflictPrompt, choices } from '../src/conflict/prompt';
import { xsrfCookie } from '../src/restapi';
import { ModePaths } from '../src/modepaths';
import { Marks } from '../src/marks';
import { NotebookState } from '../src/model';
import { firstFree, namesForCopy } from '../src/names';
import { ANSWER, HELD_BY_BEN, status, trans } from './given';

test('copies get names that nothing has', async () => {
  const taken = new Set(['ws/edit/a (copy).ipynb', 'ws/edit/a (copy 2).ipynb']);
  const free = await firstFree(namesForCopy('ws/edit/a.ipynb', 'copy'), async path => taken.has(path));
  assert.equal(free, 'ws/edit/a (copy 3).ipynb');
});

test('names without extension or folder get copies, too', () => {
  assert.equal(namesForCopy('README', 'copy').next().value, 'README (copy)');
  assert.equal(namesForCopy('d/.hidden', 'copy').next().value, 'd/.hidden (copy)');
  assert.equal(namesForCopy('v1.2/a.b.ipynb', 'copy').next().value, 'v1.2/a.b (copy).ipynb');
});

test('when all names are taken it says so', async () => {
  await assert.rejects(
    firstFree(['a', 'b'], async () => true),
    /taken/
  );
});

test('the last xsrf cookie counts', () => {
  assert.equal(xsrfCookie('a=1; _xsrf=first; b=2; _xsrf=second|x=y'), 'second|x=y');
  assert.equal(xsrfCookie('not_xsrf=1'), '');
});

test('the path in the other folder is known, whatever the folders are called', () => {
  const pairs = new ModePaths([
    ['ws/write', 'ws/safe'],
    ['plain', null]
  ]);
  assert.equal(pairs.toPlayground('ws/write/other/c.ipynb'), 'ws/safe/other/c.ipynb');
  assert.equal(pairs.toEdit('ws/safe/c.ipynb'), 'ws/write/c.ipynb');
  assert.equal(pairs.toPlayground('ws/writes/c.ipynb'), null);
  assert.equal(pairs.toPlayground('other/write/c.ipynb'), null);
  assert.equal(pairs.toPlayground('plain/c.ipynb'), null);
  assert.deepEqual(
    ['ws/write/deep/a.ipynb', 'ws/safe/a.ipynb', 'plain/a.ipynb', 'ws/a.ipynb'].map(path => pairs.modeOf(path)),
    ['edit', 'playground', 'edit', null]
  );
});

test('a workspace folder may be the root, with the playground inside of it', () => {
  const pairs = new ModePaths([['', 'safe']]);
  assert.equal(pairs.modeOf('a.ipynb'), 'edit');
  assert.equal(pairs.modeOf('safe/a.ipynb'), 'playground');
  assert.equal(pairs.toPlayground('b/a.ipynb'), 'safe/b/a.ipynb');
  assert.equal(pairs.toEdit('safe/b/a.ipynb'), 'b/a.ipynb');
});

test('a mark is what was told last', () => {
  const marks = new Marks();
  const path = 'ws/edit/a.ipynb';
  assert.equal(marks.of({ path }), null);
  assert.equal(marks.of({ path, terra: HELD_BY_BEN }), 'locked');
  assert.equal(marks.note(path, { place: 'conflict' }), true);
  assert.equal(marks.note(path, { place: 'conflict' }), false);
  assert.equal(marks.of({ path, terra: HELD_BY_BEN }), 'conflict');
  marks.listed([{ path, terra: HELD_BY_BEN }]);
  assert.equal(marks.of({ path, terra: HELD_BY_BEN }), 'locked');
});

test('a person is asked once about a conflict, and again about the next', () => {
  const prompt = new ConflictPrompt();
  const [conflict, fine] = [status({ place: 'conflict' }), status()];
  assert.equal(prompt.isDue, false);
  prompt.note(conflict);
  assert.equal(prompt.isDue, true);
  prompt.noteAsked();
  prompt.note(conflict);
  prompt.note(status({ place: 'uploading' }));
  prompt.note(conflict);
  assert.equal(prompt.isDue, false, 'a save that is refused again is the same conflict');
  prompt.note(fine);
  prompt.note(conflict);
  assert.equal(prompt.isDue, true);
});

test('between two versions, the first choice keeps both, and only one replaces anything', () => {
  for (const canMerge of [false, true]) {
    const offered = choices({ isDeleted: false, canMerge }, trans);
    const names = offered.map(choice => choice.resolution);
    assert.deepEqual(names, ['keep-both', 'take-theirs', 'replace-theirs', ...(canMerge ? ['merge'] : [])]);
    assert.deepEqual(
      offered.filter(choice => choice.replaces).map(choice => choice.resolution),
      ['replace-theirs']
    );
  }
});

test('after a deletion nothing is offered that needs the other version', () => {
  const offered = choices({ isDeleted: true, canMerge: true }, trans);
  assert.deepEqual(
    offered.map(choice => choice.label),
    ['Put It Back', 'Leave It Deleted']
  );
  assert.ok(offered.every(choice => !choice.replaces));
});

test('a notebook that was waited for is no longer waited for when it is free', () => {
  const state = new NotebookState('ws/edit/a.ipynb');
  state.setStatus(status(HELD_BY_BEN));
  state.setWaiting(true);
  state.setStatus(status(HELD_BY_BEN));
  assert.equal(state.waiting, true);
  state.setStatus(status({ lock: { ...ANSWER.lock, state: 'free' } }));
  assert.equal(state.waiting, false);
});

test('events of other notebooks change nothing', () => {
  const state = new NotebookState('ws/edit/a.ipynb');
  state.noteEvent(status());
  assert.equal(placeOf(state), undefined, 'an event says less than the server when asked');
  state.setStatus(status());
  let changes = 0;
  state.changed.connect(() => changes++);
  state.noteEvent(status({ path: 'ws/edit/b.ipynb', place: 'conflict' }));
  assert.equal(changes, 0);
  state.noteEvent(status({ place: 'conflict' }));
  assert.equal(placeOf(state), 'conflict');
  state.setTab({ dirty: true });
  state.setTab({ dirty: true });
  assert.equal(changes, 2);
});

test('what was known of a notebook is forgotten when it is renamed', () => {
  const state = new NotebookState('ws/edit/a.ipynb');
  state.setStatus(status());
  state.moveTo('ws/edit/b.ipynb');
  assert.equal(state.status, null);
  assert.equal(state.path, 'ws/edit/b.ipynb');
});

function placeOf(state: NotebookState): string | undefined {
  return state.status?.place;
}
