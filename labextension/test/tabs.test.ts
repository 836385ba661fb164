import assert from 'node:assert/strict';
import test from 'node:test';
import { parseTabs, secondTabBanner } from '../src/tabs';
import { isReadOnly, modeView } from '../src/views';
import { CLEAN, HELD_BY_BEN, status, trans } from './given';

const banner = (tab: object, change: object = {}) => secondTabBanner(status(change), { ...CLEAN, ...tab }, trans);

test('what a frame tells of the tabs is read, and an older server tells nothing', () => {
  const tabs = { edits: false, free: true, asked: false, refused: false, others: 1, show: false };
  assert.deepEqual(parseTabs({ tabs }), { edits: false, free: true, asked: false, refused: false, show: false });
  assert.equal(parseTabs({ path: 'a' }), null);
  assert.equal(parseTabs(null), null);
});

test('a second tab is no second editor, in edit and in the playground', () => {
  for (const mode of ['edit', 'playground']) {
    assert.equal(isReadOnly(status({ mode }), { ...CLEAN, otherTab: 'edits' }), true);
    assert.equal(isReadOnly(status({ mode }), CLEAN), false);
    assert.equal(modeView(status({ mode }), { ...CLEAN, otherTab: 'edits' }, trans).text, 'Read-only');
  }
});

test('it says so, and offers the first tab and to edit here', () => {
  const shown = banner({ otherTab: 'edits' });
  assert.match(shown?.sentence ?? '', /another tab or window/);
  assert.deepEqual(shown?.actions, ['edit-here', 'first-tab', 'copy']);
  assert.equal(banner({}), null);
});

test('when the first tab was closed there is none to go to', () => {
  assert.deepEqual(banner({ otherTab: 'closed' })?.actions, ['edit-here', 'copy']);
});

test('what is only on its screen is said', () => {
  assert.match(banner({ otherTab: 'edits', dirty: true })?.sentence ?? '', /only on this screen/);
});

test('that somebody else is editing goes before', () => {
  assert.equal(banner({ otherTab: 'edits' }, HELD_BY_BEN), null);
});
