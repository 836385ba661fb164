import assert from 'node:assert/strict';
import test from 'node:test';
import { slotsOf } from '../src/slots';

test('what changes under the pointer of a waiting person is one button, in its place', () => {
  const held = slotsOf(['playground', 'preview', 'copy', 'wait']);
  const waiting = slotsOf(['playground', 'preview', 'copy', 'stop-waiting']);
  const free = slotsOf(['edit', 'playground', 'preview', 'copy']);
  assert.deepEqual(held.others, waiting.others);
  assert.deepEqual(held.others, free.others);
  assert.deepEqual([held.first, waiting.first, free.first], ['wait', 'stop-waiting', 'edit']);
});

test('Edit is the primary button, waiting is none', () => {
  assert.equal(slotsOf(['playground', 'edit']).isPrimary, true);
  assert.equal(slotsOf(['wait', 'playground']).isPrimary, false);
});

test('no action is lost, and an unknown one comes last', () => {
  const all = ['copy', 'later-action', 'take-over', 'wait', 'playground'] as any[];
  const { first, others } = slotsOf(all);
  assert.deepEqual([first, ...others].sort(), [...all].sort());
  assert.equal(others[others.length - 1], 'later-action');
});
