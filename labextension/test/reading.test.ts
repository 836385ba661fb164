import assert from 'node:assert/strict';
import test from 'node:test';
import { isOutdated, isToFollow } from '../src/reading';
import { bannerView, modeView, placeView } from '../src/views';
import { ANSWER, CLEAN, HELD_BY_BEN, status, trans } from './given';

const READER = { ...CLEAN, readOnly: true, shownVersion: '1', ownChanges: 'none' as const };
const place = (change: object, tab: object = {}) => placeView(status(change), { ...READER, ...tab }, trans);
const banner = (change: object, tab: object = {}) => bannerView(status(change), { ...READER, ...tab }, false, trans);
const NEWER = { ...HELD_BY_BEN, workspace_version: '2' };
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

test('a reader is told who edits and when it was saved', () => {
  const saved = { ...HELD_BY_BEN, workspace_saved_at: minutesAgo(2) };
  assert.equal(
    modeView(status(saved), READER, trans).sentence,
    'Read-only: ben@example.org is editing (last saved 2 min ago).'
  );
  assert.match(banner(saved)?.sentence ?? '', /last saved 2 min ago/);
});

test('what was not saved today has its date', () => {
  const year = new Date().getFullYear() - 1;
  const saved = { ...NEWER, workspace_saved_at: new Date(year, 2, 3, 10, 41).toISOString() };
  assert.match(banner(saved)?.sentence ?? '', new RegExp(`\\(last saved Mar 3, ${year}, 10:41\\sAM\\)`));
  assert.match(place(saved).sentence, new RegExp(`saved Mar 3, ${year}, 10:41\\sAM\\.$`));
});

test('a read-only view that holds something, or is outdated, is never shown as in the workspace', () => {
  assert.equal(place(HELD_BY_BEN).tone, 'good');
  for (const tab of [{ dirty: true }, { ownChanges: 'edits' }, { ownChanges: 'outputs' }]) {
    assert.equal(place(HELD_BY_BEN, tab).text, 'Not saved');
    assert.notEqual(place(HELD_BY_BEN, tab).tone, 'good');
  }
  assert.equal(place(NEWER).text, 'Newer version');
  assert.notEqual(place(NEWER).tone, 'good');
});

test('a clean view follows, one with changes of its own offers the newer version', () => {
  assert.equal(isToFollow(status(NEWER), READER), true);
  assert.equal(isToFollow(status(HELD_BY_BEN), READER), false);
  for (const tab of [{ dirty: true }, { ownChanges: 'edits' as const }, { ownChanges: 'outputs' as const }]) {
    assert.equal(isToFollow(status(NEWER), { ...READER, ...tab }), false);
    assert.equal(banner(NEWER, tab)?.actions[0], 'show-newer');
    assert.match(banner(NEWER, tab)?.sentence ?? '', /newer version/);
  }
  assert.notEqual(banner(NEWER)?.actions[0], 'show-newer');
});

test('what is only on this disk is never replaced by itself', () => {
  for (const name of ['locked', 'on-disk', 'uploading', 'offline', 'conflict']) {
    assert.equal(isToFollow(status({ ...NEWER, place: name }), READER), false, name);
  }
});

test('a view of which nothing is known is not outdated', () => {
  assert.equal(isOutdated(status(NEWER), { ...READER, shownVersion: null }), false);
  assert.equal(isOutdated(status({ ...NEWER, workspace_version: null }), READER), false);
});

test('a notebook that was renamed says so, with the way on', () => {
  const gone = {
    place: 'gone',
    lock: { ...ANSWER.lock, state: 'free' },
    gone: { how: 'renamed', path: 'ws/edit/b.ipynb' }
  };
  assert.deepEqual(banner(gone)?.actions, ['open-renamed', 'copy']);
  assert.equal(banner(gone)?.sentence, '“a.ipynb” was renamed to “b.ipynb”. This is your last view of it.');
  assert.equal(place(gone).text, 'Renamed');
  const moved = { ...gone, gone: { how: 'renamed', path: 'ws/edit/old/b.ipynb' } };
  assert.match(banner(moved)?.sentence ?? '', /“ws\/edit\/old\/b.ipynb”/);
});

test('a notebook of which it is not known what became says so', () => {
  for (const how of ['missing', 'renamed', 'what a later server says']) {
    const gone = { place: 'gone', lock: { ...ANSWER.lock, state: 'free' }, gone: { how, path: null } };
    assert.match(banner(gone)?.sentence ?? '', /was moved or deleted in the workspace; it is not known which/);
    assert.deepEqual(banner(gone)?.actions, ['copy']);
    assert.equal(place(gone).text, 'Moved or deleted');
  }
});

test('a notebook that was deleted says so, and can be copied', () => {
  const gone = { place: 'gone', lock: { ...ANSWER.lock, state: 'free' }, gone: { how: 'deleted', path: null } };
  for (const tab of [{}, { readOnly: false }]) {
    assert.deepEqual(banner(gone, tab)?.actions, ['copy']);
    assert.equal(place(gone, tab).tone, 'bad');
  }
  assert.equal(banner({ ...gone, place: 'conflict' })?.actions[0], 'resolve', 'a conflict goes first');
});

test('a save that failed says why over the notebook, as long as it lasts', () => {
  const failed = { readOnly: false, dirty: true, saveError: 'The disk is full' };
  assert.match(
    banner({}, failed)?.sentence ?? '',
    /^Not saved\. The disk is full\. Your latest edits are only in this tab/
  );
  assert.equal(place({}, failed).text, 'Not saved');
  assert.equal(banner({}, { ...failed, saveError: null }), null);
});

test('a broken copy on this disk says so, and what can be done', () => {
  const broken = { place: 'on-disk', reason: 'unreadable', message: 'The copy on this disk cannot be read.' };
  assert.equal(banner(broken, { readOnly: false })?.sentence, broken.message);
  assert.deepEqual(banner(broken, { readOnly: false })?.actions, ['show-workspace-version']);
  assert.deepEqual(banner({ ...broken, reason: 'still-being-written' }, { readOnly: false })?.actions, []);
  assert.equal(banner({ ...broken, reason: 'unreachable' }, { readOnly: false }), null);
});
