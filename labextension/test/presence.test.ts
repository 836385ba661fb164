import assert from 'node:assert/strict';
import test from 'node:test';
import { ISocket, Presence } from '../src/presence';

/** The browser's side of things: sockets that the test opens and breaks, time that the test moves. */
class Browser {
  readonly sockets: (ISocket & { closed: boolean; sent: string[] })[] = [];
  readonly frames: unknown[] = [];
  readonly connections: boolean[] = [];
  readonly presence: Presence;
  private _now = 0;
  private _timers: { at: number; act: () => void }[] = [];

  constructor() {
    this.presence = new Presence({
      connect: () => {
        const socket = {
          onmessage: null,
          onclose: null,
          closed: false,
          sent: [] as string[],
          send(message: string) {
            this.sent.push(message);
          },
          close() {
            this.closed = true;
          }
        };
        this.sockets.push(socket);
        return socket;
      },
      onFrame: frame => this.frames.push(frame),
      onConnection: connected => this.connections.push(connected),
      later: (act, ms) => {
        const timer = { at: this._now + ms, act };
        this._timers.push(timer);
        return () => (this._timers = this._timers.filter(other => other !== timer));
      }
    });
  }

  get last() {
    return this.sockets[this.sockets.length - 1];
  }

  pass(ms: number): void {
    this._now += ms;
    const due = this._timers.filter(timer => timer.at <= this._now);
    this._timers = this._timers.filter(timer => timer.at > this._now);
    due.forEach(timer => timer.act());
  }
}

test('frames of the server are passed on, and damaged ones left out', () => {
  const browser = new Browser();
  browser.last.onmessage?.({ data: '{"path": "a"}' });
  browser.last.onmessage?.({ data: '{' });
  assert.deepEqual(browser.frames, [{ path: 'a' }]);
  assert.deepEqual(browser.connections, [true]);
});

test('a broken socket is opened again, after longer and longer waits', () => {
  const browser = new Browser();
  const waits = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
  for (const wait of waits) {
    const before = browser.sockets.length;
    browser.last.onclose?.({});
    browser.pass(wait - 1);
    assert.equal(browser.sockets.length, before);
    browser.pass(1);
    assert.equal(browser.sockets.length, before + 1);
  }
  assert.ok(browser.connections.every(connected => !connected));
});

test('waits begin anew once the server has answered', () => {
  const browser = new Browser();
  browser.last.onclose?.({});
  browser.pass(500);
  browser.last.onclose?.({});
  browser.pass(1000);
  browser.last.onmessage?.({ data: '{}' });
  browser.last.onclose?.({});
  browser.pass(500);
  assert.equal(browser.sockets.length, 4);
  assert.deepEqual(browser.connections, [false, false, true, false]);
});

test('it can be tried at once, but not twice at the same time', () => {
  const browser = new Browser();
  browser.presence.retryNow();
  assert.equal(browser.sockets.length, 1, 'the first attempt is under way');
  browser.last.onclose?.({});
  browser.presence.retryNow();
  browser.presence.retryNow();
  browser.pass(60_000);
  assert.equal(browser.sockets.length, 2);
});

test('closing is known to the server before it is done, and nothing is opened again', async () => {
  const browser = new Browser();
  let done = false;
  const closing = browser.presence.close().then(() => (done = true));
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(browser.last.closed, true);
  assert.equal(done, false);
  browser.last.onclose?.({});
  await closing;
  browser.pass(60_000);
  assert.equal(browser.sockets.length, 1);
});

test('closing does not wait for a server that is away', async () => {
  const browser = new Browser();
  const closing = browser.presence.close();
  browser.pass(2000);
  await closing;
  const gone = new Browser();
  gone.last.onclose?.({});
  await gone.presence.close();
  gone.pass(60_000);
  assert.equal(gone.sockets.length, 1);
});

test('what is told waits until the server listens, and is told again to a server that came back', () => {
  const browser = new Browser();
  browser.presence.say({ looked_at: false });
  browser.presence.say({ looked_at: true });
  assert.deepEqual(browser.last.sent, []);
  browser.last.onmessage?.({ data: '{}' });
  browser.last.onmessage?.({ data: '{}' });
  assert.deepEqual(browser.last.sent, ['{"looked_at":true}']);
  browser.last.onclose?.({});
  browser.pass(500);
  browser.last.onmessage?.({ data: '{}' });
  assert.deepEqual(browser.last.sent, ['{"looked_at":true}']);
  browser.presence.say({ looked_at: false });
  assert.equal(browser.last.sent.length, 2);
});
