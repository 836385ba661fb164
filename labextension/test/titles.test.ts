import assert from 'node:assert/strict';
import test from 'node:test';
import { titleOf, titleOfPreview } from '../src/titles';
import { CLEAN, HELD_BY_BEN, status, trans } from './given';

test('tabs of one notebook are told apart by word and icon', () => {
  const titles = [
    titleOf('a.ipynb', status(), CLEAN, trans),
    titleOf('a.ipynb', status({ mode: 'playground' }), CLEAN, trans),
    titleOf('a.ipynb', status(HELD_BY_BEN), CLEAN, trans),
    titleOfPreview('a.ipynb', trans)
  ];
  assert.equal(new Set(titles.map(({ label }) => label)).size, 4);
  assert.equal(new Set(titles.map(({ icon }) => icon)).size, 4);
  assert.ok(titles.every(({ label }) => label.startsWith('a.ipynb')));
});

test('files of no workspace are left alone', () => {
  assert.deepEqual(titleOf('a.ipynb', null, CLEAN, trans), { label: 'a.ipynb', suffix: '', icon: null });
});
