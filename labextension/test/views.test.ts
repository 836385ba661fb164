import assert from 'node:assert/strict';
import test from 'node:test';
import { PLACES } from '../src/status';
import { bannerView, isReadOnly, modeView, placeView } from '../src/views';
import { ANSWER, CLEAN, HELD_BY_BEN, status, trans } from './given';

const place = (change: object, tab: object = {}) => placeView(status(change), { ...CLEAN, ...tab }, trans);
const mode = (change: object, tab: object = {}) => modeView(status(change), { ...CLEAN, ...tab }, trans);
const banner = (change: object, tab: object = {}, waiting = false) =>
  bannerView(status(change), { ...CLEAN, ...tab }, waiting, trans);

test('only what is in the workspace is shown as good', () => {
  for (const name of PLACES) {
    assert.equal(place({ place: name }).tone === 'good', name === 'in-workspace', name);
  }
});

test('unsaved edits are never shown as saved', () => {
  for (const name of PLACES) {
    assert.doesNotMatch(place({ place: name }, { dirty: true }).text, /workspace|disk/);
  }
  assert.equal(place({}, { dirty: true }).text, 'Unsaved');
  assert.equal(place({}, { dirty: true, saving: true }).text, 'Saving…');
});

test('the worst news comes first', () => {
  const worst = { dirty: true, saving: true, saveFailed: true, connection: 'lost' };
  assert.equal(place({ place: 'conflict' }, worst).text, 'Conflict');
  assert.match(place({}, worst).text, /no server/);
  assert.equal(place({}, { ...worst, connection: 'open' }).text, 'Not saved');
});

test('without a server it says whether something would be lost', () => {
  assert.match(place({}, { connection: 'lost', dirty: true }).sentence, /only in this tab/);
  assert.doesNotMatch(place({}, { connection: 'lost' }).sentence, /only in this tab/);
});

test('trouble of the network and other trouble are told apart', () => {
  assert.match(place({ place: 'on-disk', reason: 'unreachable' }).text, /Offline/);
  assert.equal(place({ place: 'on-disk', reason: 'no-permission' }).text, 'Not in the workspace');
});

test('the mode says who is editing', () => {
  const view = mode(HELD_BY_BEN);
  assert.equal(view.text, 'Read-only');
  assert.equal(view.sentence, 'Read-only: ben@example.org is editing.');
  assert.match(mode({ ...HELD_BY_BEN, lock: { ...HELD_BY_BEN.lock, email: null } }).sentence, /Somebody else/);
  assert.equal(mode({}).text, 'Editing');
  assert.equal(mode({ mode: 'playground' }).sentence, 'Playground: not saved to the workspace.');
});

test('what was opened to be read stays read-only on the screen when the lock has become free', () => {
  const free = { lock: { ...ANSWER.lock, state: 'free' } };
  assert.equal(isReadOnly(status(free), { ...CLEAN, readOnly: true }), true);
  assert.equal(mode(free, { readOnly: true }).text, 'Read-only');
  assert.deepEqual(banner(free, { readOnly: true })?.actions, ['edit', 'playground', 'preview', 'copy']);
  assert.equal(banner(free), null);
});

test('a notebook that somebody else edits offers the ways out that the server names', () => {
  assert.deepEqual(banner(HELD_BY_BEN)?.actions, ['playground', 'preview', 'copy', 'wait']);
  assert.deepEqual(banner(HELD_BY_BEN, {}, true)?.actions, ['playground', 'preview', 'copy', 'stop-waiting']);
  const elsewhere = { ...HELD_BY_BEN.lock, state: 'held-elsewhere', actions: ['playground', 'take-over'] };
  assert.deepEqual(banner({ ...HELD_BY_BEN, lock: elsewhere })?.actions, ['playground', 'preview', 'take-over']);
});

test('a lock that was lost is told as lost, with what became of the edits', () => {
  const lost = { ...HELD_BY_BEN, lock: { ...HELD_BY_BEN.lock, lost: true } };
  assert.equal(banner(lost)?.tone, 'bad');
  const place = (change: object, tab: object = {}) => banner({ ...lost, ...change }, tab)?.sentence ?? '';
  assert.match(
    place({ place: 'locked' }),
    /ben@example.org is editing this notebook now\. What you typed here is kept on this disk\./
  );
  assert.match(place({ place: 'in-workspace' }), /What you typed here is in the workspace\./);
  for (const tab of [{ dirty: true }, { saving: true }]) {
    assert.match(place({ place: 'locked' }, tab), /only in this tab until they are saved on this disk\./);
    assert.doesNotMatch(place({ place: 'locked' }, tab), /kept/);
  }
});

test('a conflict goes before everything else', () => {
  assert.equal(banner({ ...HELD_BY_BEN, place: 'conflict' })?.actions[0], 'resolve');
});

test('the playground says that it is not saved to the workspace, and offers the way back', () => {
  assert.deepEqual(banner({ mode: 'playground', place: 'playground' })?.actions, ['copy-to-edit']);
});

test('a notebook that is simply edited has no banner', () => {
  assert.equal(banner({}), null);
});

test('the short words of each place are short, and never sound better than the long ones', () => {
  for (const name of PLACES) {
    const view = place({ place: name });
    const short = view.short ?? view.text;
    assert.ok(short.length <= 14, short);
    assert.equal(/in workspace/i.test(short), name === 'in-workspace', short);
  }
});

test('the time is apart from the words, which are never cut for it', () => {
  assert.equal(place({}).at, '2026-11-24T08:30:00Z');
  assert.equal(place({ place: 'on-disk' }).at ?? null, null);
});
