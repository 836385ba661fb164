import assert from 'node:assert/strict';
import test from 'node:test';
import { markOf, parseStatus, statusIn, updatedByEvent, updatedByModel } from '../src/status';
import { ANSWER, HELD_BY_BEN, status } from './given';

test('an answer of the server is read', () => {
  const read = parseStatus(HELD_BY_BEN);
  assert.equal(read?.place, 'in-workspace');
  assert.equal(read?.writable, false);
  assert.equal(read?.playgroundPath, 'ws/playground/a.ipynb');
  assert.deepEqual(read?.lock?.actions, ['playground', 'copy', 'wait']);
  assert.equal(read?.lock?.email, 'ben@example.org');
});

test('what is no status is not taken for one', () => {
  for (const data of [null, undefined, 7, 'text', [], {}, { path: 7, mode: 'edit' }, { path: 'a', mode: 'preview' }]) {
    assert.equal(parseStatus(data), null);
  }
});

test('an older server, without locks and paths, is understood', () => {
  const { path, mode, place, message, reason } = ANSWER;
  const read = parseStatus({ path, mode, place, message, reason });
  assert.equal(read?.lock, null);
  assert.equal(read?.writable, true);
  assert.equal(read?.playgroundPath, null);
  assert.equal(read?.savedAt, null);
});

test('places, states and actions of a newer server are not mistaken for others', () => {
  const read = status({ place: 'on-the-moon', lock: { ...ANSWER.lock, state: 'melted', actions: ['dance', 'wait'] } });
  assert.equal(read.place, 'unknown');
  assert.equal(read.lock?.state, 'unknown');
  assert.deepEqual(read.lock?.actions, ['wait']);
});

test('the answer of a save brings the status up to date', () => {
  const { lock, ...work } = ANSWER;
  const model = { writable: true, terra: { ...work, place: 'uploading', message: 'On its way.', saved_at: null } };
  const now = updatedByModel(status(), model);
  assert.equal(now.place, 'uploading');
  assert.equal(now.savedAt, '2026-11-24T08:30:00Z', 'an earlier save is still known');
  assert.equal(now.lock?.state, 'held', 'a model without a lock says nothing of it');
});

test('a notebook that is opened brings its status along', () => {
  const model = { type: 'notebook', writable: true, content: {}, terra: ANSWER };
  assert.deepEqual(statusIn(model), status());
});

test('the server is asked where a model does not say all of it', () => {
  const model = { type: 'notebook', writable: true, content: {}, terra: ANSWER };
  for (const other of [
    null,
    {},
    { ...model, terra: undefined },
    { ...model, type: 'file' },
    { ...model, writable: false }
  ]) {
    assert.equal(statusIn(other), null);
  }
});

test('a model of another contents manager changes nothing', () => {
  const before = status();
  for (const model of [null, {}, { terra: 7 }, { terra: { mode: 'other' } }]) {
    assert.equal(updatedByModel(before, model), before);
  }
});

test('an event names nobody: a name that is known stays while the lock stays', () => {
  const known = status(HELD_BY_BEN);
  const nameless = status({ ...HELD_BY_BEN, lock: { ...HELD_BY_BEN.lock, email: null } });
  assert.equal(updatedByEvent(known, nameless).lock?.email, 'ben@example.org');
  const free = status({ lock: { ...ANSWER.lock, state: 'free', email: null } });
  assert.equal(updatedByEvent(known, free).lock?.email, null);
});

test('entries of a folder are marked where something is to be said', () => {
  assert.equal(markOf({ place: 'conflict', lock: { state: 'held-by-other' } }), 'conflict');
  assert.equal(markOf({ place: 'in-workspace', lock: { state: 'held-by-other' } }), 'locked');
  assert.equal(markOf({ lock: { state: 'held-elsewhere' } }), 'locked');
  assert.equal(markOf({ place: 'on-disk' }), 'not-in-workspace');
  assert.equal(markOf({ place: 'in-workspace', lock: { state: 'held' } }), null);
  assert.equal(markOf(undefined), null);
});
