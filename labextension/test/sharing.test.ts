import assert from 'node:assert/strict';
import test from 'node:test';
import { markOf } from '../src/status';
import { IRemoval, deletionView, parseRemoval, parseWhereabouts, uploadNotice } from '../src/sharing';
import { trans } from './given';

const NOTHING = { count: 0, names: [] };
const SHARED = {
  path: 'ws/edit/a.ipynb',
  workspace: 'ws',
  is_folder: false,
  shared: { count: 1, names: ['a.ipynb'] },
  on_disk_only: NOTHING,
  hidden: NOTHING,
  held: [],
  reason: null,
  message: null
};
const LOCAL = { ...SHARED, path: 'ws/edit/data.csv', shared: NOTHING, on_disk_only: { count: 1, names: ['data.csv'] } };

const removal = (change: object = {}): IRemoval => {
  const read = parseRemoval({ ...SHARED, ...change });
  assert.ok(read);
  return read;
};
const asked = (change: object = {}, toTrash = true) => deletionView([removal(change)], toTrash, trans);

test('a deletion says what it deletes, where, and for whom', () => {
  const view = asked();
  assert.equal(view.title, 'Delete “a.ipynb” for everybody in “ws”?');
  assert.equal(view.button, 'Delete for Everybody');
  assert.match(view.sentences.join(' '), /no one there will have it any more.*trash/);
});

test('what only this disk has is deleted for nobody else', () => {
  const view = asked(LOCAL);
  assert.equal(view.title, 'Delete “data.csv”?');
  assert.equal(view.button, 'Move to Trash');
  assert.equal(asked(LOCAL, false).button, 'Delete from This Disk');
  assert.doesNotMatch(view.sentences.join(' '), /everybody|workspace/);
});

test('a notebook that somebody has open is not offered for deletion, and it says whose it is', () => {
  const held = [{ path: 'ws/edit/a.ipynb', email: 'ben@example.org', by_same_person: false }];
  const view = asked({ held });
  assert.equal(view.button, null);
  assert.match(view.sentences[0], /^ben@example.org is editing “a.ipynb”/);
  assert.match(asked({ held: [{ ...held[0], by_same_person: true }] }).sentences[0], /another environment/);
  assert.match(asked({ held: [{ ...held[0], email: null }] }).sentences[0], /^Somebody else/);
});

test('a folder with what was never shown is not offered, and it says what that is', () => {
  const view = asked({ is_folder: true, path: 'ws/edit/f', hidden: { count: 5, names: ['a', 'b', 'c', 'd', 'e'] } });
  assert.equal(view.button, null);
  assert.match(view.sentences[0], /a, b, c and 2 more/);
  assert.match(view.title, /the folder “f” for everybody in “ws”/);
});

test('several at once are asked about once, each with what it takes', () => {
  const view = deletionView([removal(), removal(LOCAL)], true, trans);
  assert.equal(view.title, 'Delete 2 items for everybody in “ws”?');
  assert.match(view.sentences.join(' '), /“a.ipynb” is in the workspace.*Only on this disk: data.csv/);
});

test('what is in no workspace is left to JupyterLab', () => {
  assert.equal(parseRemoval({ path: 'x/a.ipynb', workspace: null }), null);
  assert.equal(parseRemoval('nonsense'), null);
});

test('where a file is, is read as far as it is told', () => {
  const read = parseWhereabouts({
    workspace: 'ws',
    uri: 'gs://b/n/a.ipynb',
    disk_path: '/d/a.ipynb',
    is_in_workspace: true
  });
  assert.equal(read?.uri, 'gs://b/n/a.ipynb');
  assert.equal(read?.lastEditor, null);
  assert.equal(parseWhereabouts({ path: 'a' }), null);
});

test('uploads that stay on this disk are told in one sentence', () => {
  assert.equal(uploadNotice([], trans), null);
  assert.match(uploadNotice(['data.csv'], trans) ?? '', /^“data.csv” stays on this disk/);
  assert.match(uploadNotice(['a', 'b', 'c', 'd'], trans) ?? '', /^a, b, c and 1 more stay on this disk/);
});

test('what stays on this disk has a mark of its own', () => {
  assert.equal(markOf({ place: 'local-only', lock: null }), 'this-disk');
  assert.equal(markOf({ place: 'playground', lock: null }), null);
});
