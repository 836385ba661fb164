import assert from 'node:assert/strict';
import test from 'node:test';
import { ServerClock } from '../../src/pause/serverclock';

/** A computer whose clock is wrong, and a server whose clock is right. */
class Given {
  mono = 5000;
  wall: number;
  server = Date.parse('2026-11-24T11:00:00.400Z');
  readonly clock: ServerClock;

  constructor(wallIsOffBy = 0) {
    this.wall = this.server + wallIsOffBy;
    this.clock = new ServerClock({ monotonic: () => this.mono, wall: () => this.wall });
  }

  pass(ms: number): void {
    this.mono += ms;
    this.wall += ms;
    this.server += ms;
  }

  /** Ask the server; the answer is written in the middle of the time it takes. */
  ask(takesMs = 0): void {
    const askedAt = this.mono;
    this.pass(takesMs / 2);
    const date = new Date(Math.floor(this.server / 1000) * 1000).toUTCString();
    this.pass(takesMs / 2);
    this.clock.note(date, askedAt);
  }

  get error(): number {
    return Math.abs(this.clock.now() - this.server);
  }
}

const DAY = 86_400_000;

test('the time left is right however wrong the clock of this computer is', () => {
  for (const offBy of [-DAY, -7 * 3600_000, 0, 90_000, DAY]) {
    const given = new Given(offBy);
    given.ask(80);
    const left = given.clock.secondsUntil('2026-11-24T11:05:00Z');
    assert.ok(left !== null && Math.abs(left - 299.6) <= 0.6, `${offBy}: ${left}`);
    assert.equal(given.clock.isServers, true);
  }
});

test('more answers make it more exact', () => {
  const given = new Given(DAY);
  given.ask(100);
  for (let asked = 0; asked < 20; asked++) {
    given.pass(30_000 + 70 * asked);
    given.ask(100);
  }
  assert.ok(given.error < 100, `${given.error} ms`);
});

test('it goes on by itself between answers', () => {
  const given = new Given(-DAY);
  given.ask();
  const before = given.clock.secondsUntil('2026-11-24T11:05:00Z') ?? 0;
  given.pass(60_000);
  const after = given.clock.secondsUntil('2026-11-24T11:05:00Z') ?? 0;
  assert.ok(Math.abs(before - after - 60) < 0.01);
});

test('a clock of the server that is set is followed', () => {
  const given = new Given();
  given.ask();
  given.server += 3600_000;
  given.ask();
  assert.ok(given.error <= 600);
});

test('sleep and a clock that is set are noticed, until the server has answered', () => {
  const given = new Given();
  given.ask();
  given.pass(600_000);
  assert.equal(given.clock.isDisturbed, false);
  given.wall += 3600_000; // asleep: the monotonic clock stood still
  given.server += 3600_000;
  assert.equal(given.clock.isDisturbed, true);
  given.ask();
  assert.equal(given.clock.isDisturbed, false);
  assert.ok(given.error <= 600);
});

test('without the time of the server it is that of this computer, and says so', () => {
  const given = new Given(90_000);
  given.clock.note(null, 0);
  given.clock.note('yesterday', 0);
  assert.equal(given.clock.isServers, false);
  assert.equal(given.clock.now(), given.wall);
});

test('a moment that is past is now, and none is none', () => {
  const given = new Given();
  given.ask();
  assert.equal(given.clock.secondsUntil('2026-11-24T10:00:00Z'), 0);
  assert.equal(given.clock.secondsUntil(null), null);
  assert.equal(given.clock.secondsUntil('soon'), null);
});
