import assert from 'node:assert/strict';
import test from 'node:test';
import { NONE, isInWorkspace, readServerPart } from '../src/serverpart';

const PART = readServerPart('{"folders": ["ws/edit", "ws/playground"], "autopause": true}');

test('without the option, or with something else in it, there is no server part', () => {
  for (const option of ['', '{', 'null', '[]', '{}', '{"folders": "ws"}']) {
    assert.deepEqual(readServerPart(option), NONE, option);
  }
});

test('files of workspaces are told from others', () => {
  assert.equal(isInWorkspace(PART, 'ws/edit/a.ipynb'), true);
  assert.equal(isInWorkspace(PART, 'ws/playground/folder/a.ipynb'), true);
  for (const path of ['a.ipynb', 'ws/a.ipynb', 'ws/edition/a.ipynb', 'ws/edit', 'ws/edit/.hidden/a.ipynb']) {
    assert.equal(isInWorkspace(PART, path), false, path);
  }
  assert.equal(isInWorkspace(NONE, 'ws/edit/a.ipynb'), false);
});

test('the folders of each workspace are told together', () => {
  const pairs = [
    ['ws/edit', 'ws/playground'],
    ['other', null]
  ];
  assert.deepEqual(readServerPart(JSON.stringify({ folders: [], pairs: [...pairs, 'no pair', [1]] })).pairs, pairs);
});

test('a workspace may be the root folder', () => {
  assert.equal(isInWorkspace({ folders: [''], pairs: [], autopause: false }, 'a.ipynb'), true);
});
