import assert from 'node:assert/strict';
import test from 'node:test';
import { badgeSize, lineSize } from '../src/badgesize';

const WORDS = { full: ['Editing', 'In the workspace, 2 min ago'], short: ['Editing', 'In workspace'] };
const size = (toolbar: number) => badgeSize({ toolbar, others: 600 }, WORDS);

test('it says less where there is less room, and leaves the toolbar before anything is pushed out', () => {
  assert.equal(size(1600), 'full');
  assert.equal(size(900), 'short');
  assert.equal(size(800), 'line');
  assert.equal(size(330), 'line');
});

test('more room never says less', () => {
  const order = ['line', 'short', 'full'];
  let before = 0;
  for (let width = 200; width < 2000; width += 7) {
    const now = order.indexOf(size(width));
    assert.ok(now >= before);
    before = now;
  }
});

test('whether there is a line does not depend on the state of the work', () => {
  const others = { full: ['Editing', 'Unsaved'], short: ['Editing', 'Unsaved'] };
  for (let width = 200; width < 2000; width += 7) {
    const room = { toolbar: width, others: 600 };
    assert.equal(badgeSize(room, others) === 'line', badgeSize(room, WORDS) === 'line');
  }
});

test('a line says less where it is narrow', () => {
  assert.equal(lineSize(700, WORDS), 'line');
  assert.equal(lineSize(250, WORDS), 'short');
});
