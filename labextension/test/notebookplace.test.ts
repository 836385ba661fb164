import assert from 'node:assert/strict';
import test from 'node:test';
import { indexAfter } from '../src/notebookplace';

const ids = ['a', 'b', 'c', 'd'];

test('the same cell is active again, wherever it is now', () => {
  assert.equal(indexAfter({ ids, index: 2 }, ['x', 'a', 'c', 'b']), 2);
  assert.equal(indexAfter({ ids, index: 1 }, ['x', 'a', 'c', 'b']), 3);
});

test('of a cell that is gone the next one is active, else the one before', () => {
  assert.equal(indexAfter({ ids, index: 1 }, ['a', 'c', 'd']), 1);
  assert.equal(indexAfter({ ids, index: 3 }, ['a', 'b', 'c']), 2);
});

test('without any of the cells it is the same place, as far as there is one', () => {
  assert.equal(indexAfter({ ids, index: 1 }, ['p', 'q', 'r']), 1);
  assert.equal(indexAfter({ ids, index: 3 }, ['p', 'q']), 1);
  assert.equal(indexAfter({ ids, index: -1 }, []), 0);
});
