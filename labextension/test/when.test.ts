import assert from 'node:assert/strict';
import test from 'node:test';
import { ago, localeOf, moment } from '../src/when';
import { trans } from './given';

/** A moment of this machine's own time zone. */
const at = (text: string) => new Date(text).toISOString();
const now = (text: string, locale = 'en') => ({ ms: Date.parse(text), locale });
const NOON = now('2026-11-24T12:00:00');
const words = (time: string, present = NOON) => ago(at(time), present, trans);

test('today it says how long ago', () => {
  assert.equal(words('2026-11-24T11:59:30'), 'just now');
  assert.equal(words('2026-11-24T11:58:00'), '2 min ago');
  assert.equal(words('2026-11-24T11:59:10'), '1 min ago');
  assert.equal(words('2026-11-24T11:00:20'), '1 h ago');
  assert.equal(words('2026-11-24T00:10:00'), '12 h ago');
});

test('what was not today has its date, and its year when that is another', () => {
  assert.match(words('2026-11-23T22:05:00') ?? '', /^Nov 23, 10:05\sPM$/);
  assert.match(words('2026-03-03T10:41:00') ?? '', /^Mar 3, 10:41\sAM$/);
  assert.match(words('2025-03-03T10:41:00') ?? '', /^Mar 3, 2025, 10:41\sAM$/);
});

test('a few minutes over midnight are minutes', () => {
  assert.equal(words('2026-11-23T23:58:00', now('2026-11-24T00:01:00')), '3 min ago');
});

test('the clock of another machine may be a little ahead', () => {
  assert.equal(words('2026-11-24T12:00:40'), 'just now');
  assert.match(words('2026-11-25T12:00:00') ?? '', /^Nov 25/);
});

test("moments are written in JupyterLab's language, not in the browser's", () => {
  assert.match(moment(at('2026-03-03T10:41:00'), { ...NOON, locale: 'de-DE' }) ?? '', /^3\. März, 10:41$/);
  assert.equal(moment(at('2026-11-24T10:41:00'), { ...NOON, locale: 'de-DE' }), '10:41');
});

test('what is no moment is not told', () => {
  assert.equal(ago(null, NOON, trans), null);
  assert.equal(ago('yesterday-ish', NOON, trans), null);
  assert.equal(moment('', NOON), null);
});

test("JupyterLab's names of languages are understood", () => {
  assert.equal(localeOf({ languageCode: 'de_DE' }), 'de-DE');
  assert.equal(localeOf({ languageCode: 'default' }), 'en');
  assert.equal(localeOf({ languageCode: 'no such language' }), 'en');
  assert.equal(localeOf(null), 'en');
});
