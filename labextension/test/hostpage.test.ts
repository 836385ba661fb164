import assert from 'node:assert/strict';
import test from 'node:test';
import { HostMessage, HostPage } from '../src/hostpage';

function given() {
  const said: HostMessage[] = [];
  const page = { saves: 0, now: 0 };
  const host = new HostPage({
    send: message => said.push(message),
    save: () => (page.saves += 1),
    now: () => page.now
  });
  return { said, page, host };
}

test('a change is dirty, and saved once all notebooks are', () => {
  const { said, host } = given();
  const [one, other] = [{}, {}];
  host.setDirty(one, true);
  host.setDirty(one, true);
  host.setDirty(other, true);
  host.setDirty(one, false);
  assert.deepEqual(said, ['dirty']);
  host.setDirty(other, false);
  assert.deepEqual(said, ['dirty', 'saved']);
});

test('save saves what has changes, and answers at once where nothing has', () => {
  const { said, page, host } = given();
  host.receive('save');
  assert.deepEqual([said, page.saves], [['saved'], 0]);
  host.setDirty({}, true);
  host.receive('save');
  assert.equal(page.saves, 1);
});

test('other messages are nobody’s', () => {
  const { said, page, host } = given();
  host.setDirty({}, true);
  for (const message of ['SAVE', '', null, { save: true }, ['save'], 3]) {
    host.receive(message);
  }
  assert.deepEqual([said, page.saves], [['dirty'], 0]);
});

test('the last notebook that closes is told, and no longer dirty', () => {
  const { said, host } = given();
  const notebook = {};
  host.setDirty(notebook, true);
  host.close(notebook, false);
  host.close({}, true);
  assert.deepEqual(said, ['dirty', 'saved', 'close']);
});

test('activity is said at most once a second', () => {
  const { said, page, host } = given();
  for (const now of [0, 500, 999, 1000, 1999]) {
    page.now = now;
    host.noteActivity();
  }
  assert.equal(said.length, 2);
});
