import assert from 'node:assert/strict';
import test from 'node:test';
import { dueAt } from '../src/autosave';

const INTERVAL = 5000;

test('edits are saved within the interval, with room for JupyterLab to go first', () => {
  const due = dueAt({ since: 10_000, lastSaveEnded: null }, INTERVAL);
  assert.ok(due > 15_000 && due < 15_500, String(due));
});

test('a slow save does not stretch the interval of what was typed meanwhile', () => {
  for (const duration of [10, 1000, 8000, 60_000]) {
    const edits = { since: 100_000 + 500, lastSaveEnded: 100_000 + duration };
    const due = dueAt(edits, INTERVAL);
    assert.ok(due >= edits.since + INTERVAL);
    assert.ok(due <= Math.max(edits.since + INTERVAL, edits.lastSaveEnded + 1000) + 500);
  }
});

test('there is a rest between slow saves', () => {
  assert.ok(dueAt({ since: 0, lastSaveEnded: 60_000 }, INTERVAL) >= 61_000);
});
