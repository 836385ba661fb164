import assert from 'node:assert/strict';
import test from 'node:test';
import { pauseInWords, refusalInWords, statusInWords } from '../src/sentences';
import { NEWS_WITHOUT_CODE, pseudo, status, trans } from './given';

const words = (change: object) => statusInWords(status(change), trans);

test("a sentence with a code is the translator's, and its arguments stay", () => {
  const told = { place: 'on-disk', reason: 'unreachable', code: 'on-disk:unreachable', bucket: 'my-bucket' };
  const translated = statusInWords(status(told), pseudo).message;
  assert.match(translated, /^\[.*\] \[.*my-bucket.*\]$/);
  assert.match(words(told).message, /^Saved on this disk, NOT in the workspace yet.*my-bucket cannot be reached/);
});

test('a sentence with a code that is not known stays as the server has it', () => {
  assert.equal(words({ code: 'from-the-future', message: 'As it came.' }).message, 'As it came.');
  assert.equal(words({ message: 'As it came.' }).message, 'As it came.');
  assert.equal(refusalInWords('from-the-future', null, trans), null);
  assert.equal(pauseInWords(NEWS_WITHOUT_CODE, trans).message, NEWS_WITHOUT_CODE.message);
});

test('a lock that was lost has another sentence than one that never was ours', () => {
  const lock = { state: 'held-by-other', message: 'x', email: null, until: null, lost: true, actions: [] };
  assert.match(words({ lock: { ...lock, code: 'held-by-other:lost' } }).lock?.message ?? '', /had expired/);
  assert.match(words({ lock: { ...lock, code: 'held-by-other' } }).lock?.message ?? '', /read-only here/);
});

test('what runs is named within the sentence', () => {
  const blockers = ['A cell runs.', 'A job runs.'].map(detail => ({ id: detail, detail, since: null }));
  const news = { ...NEWS_WITHOUT_CODE, code: 'working', blockers };
  assert.equal(pauseInWords(news, trans).message, 'Still running: A cell runs, and 1 more.');
});
