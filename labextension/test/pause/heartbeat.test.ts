import assert from 'node:assert/strict';
import test from 'node:test';
import { BEAT_MS, Heartbeat, IBeat } from '../../src/pause/heartbeat';

/** A tab, and time that the test moves. */
class Tab {
  visible = true;
  unsaved = false;
  urgent = false;
  mono = 0;
  wall = 0;
  readonly beats: IBeat[] = [];
  readonly heart: Heartbeat;
  private _timer: { next: number; act: () => void } | null = null;

  constructor() {
    this.heart = new Heartbeat({
      send: async beat => void this.beats.push(beat),
      clocks: { monotonic: () => this.mono, wall: () => this.wall },
      every: (act, ms) => {
        this._timer = { next: this.mono + ms, act };
        return () => (this._timer = null);
      },
      isVisible: () => this.visible,
      hasUnsaved: () => this.unsaved,
      isUrgent: () => this.urgent
    });
    this.heart.setRunning(true);
  }

  pass(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.mono += 1000;
      this.wall += 1000;
      if (this._timer !== null && this.mono >= this._timer.next) {
        this._timer.next += BEAT_MS;
        this._timer.act();
      }
    }
  }

  press(mayBeUrgent = true): void {
    this.heart.noteInput({ mayBeUrgent });
  }

  show(visible: boolean): void {
    this.visible = visible;
    this.heart.noteVisibility();
  }

  /** What was sent since it was last looked. */
  get sent(): (number | null)[] {
    return this.beats.splice(0).map(beat => beat.lastInputAgeSeconds);
  }
}

test('a tab that is seen beats at its first key and every 30 s, with the age of the last key', () => {
  const tab = new Tab();
  tab.pass(20);
  assert.deepEqual(tab.sent, []);
  tab.press();
  assert.deepEqual(tab.beats, [{ visible: true, lastInputAgeSeconds: 0 }]);
  tab.beats.splice(0);
  tab.press();
  tab.pass(10);
  assert.deepEqual(tab.sent, [10]);
  for (let times = 0; times < 3; times++) {
    tab.press();
    tab.pass(30);
  }
  assert.deepEqual(tab.sent, [30, 30, 30]);
});

test('a tab that nobody touches beats every 60 s, and every 30 s with something unsaved or a pause near', () => {
  const tab = new Tab();
  tab.pass(30);
  assert.deepEqual(tab.sent, [null]);
  tab.pass(180);
  assert.deepEqual(tab.sent, [null, null, null]);
  for (const change of [{ unsaved: true }, { unsaved: false, urgent: true }]) {
    Object.assign(tab, change);
    tab.beats.splice(0);
    tab.pass(60);
    assert.deepEqual(tab.sent, [null, null]);
  }
});

test('a hidden tab is silent', () => {
  const tab = new Tab();
  tab.pass(30);
  tab.show(false);
  assert.deepEqual(tab.sent, [null]);
  tab.pass(3600);
  assert.deepEqual(tab.sent, []);
  tab.show(true);
  assert.deepEqual(tab.sent, [null]);
});

test('what was typed just before the tab was hidden is told once', () => {
  const tab = new Tab();
  tab.press();
  tab.press();
  tab.pass(2);
  assert.deepEqual(tab.sent, [0]);
  tab.show(false);
  assert.deepEqual(tab.sent, [2]);
  tab.show(false);
  tab.pass(600);
  assert.deepEqual(tab.sent, []);
});

test('a hidden tab that holds something unsaved stays known, and is nobody', () => {
  const tab = new Tab();
  tab.press();
  tab.show(false);
  tab.beats.splice(0);
  tab.unsaved = true;
  tab.pass(60);
  assert.deepEqual(
    tab.beats.map(beat => beat.visible),
    [false, false]
  );
  tab.unsaved = false;
  tab.beats.splice(0);
  tab.pass(600);
  assert.deepEqual(tab.sent, []);
});

test('a key is told at once while a pause is near, and not many times a second', () => {
  const tab = new Tab();
  tab.press();
  tab.pass(5);
  tab.press();
  assert.deepEqual(tab.sent, [0]);
  tab.urgent = true;
  tab.press();
  tab.press();
  tab.press();
  assert.deepEqual(tab.sent, [0]);
  tab.pass(1);
  tab.press();
  assert.deepEqual(tab.sent, [0]);
});

test('a click on the countdown itself waits for the next beat', () => {
  const tab = new Tab();
  tab.urgent = true;
  tab.beats.splice(0);
  tab.press(false);
  assert.deepEqual(tab.sent, []);
  tab.pass(30);
  assert.deepEqual(tab.sent, [30]);
});

test('after sleep the last key is as old as the night', () => {
  const tab = new Tab();
  tab.press();
  tab.pass(28);
  tab.press();
  tab.wall += 8 * 3600_000; // the monotonic clock stood still
  tab.beats.splice(0);
  tab.pass(2);
  assert.deepEqual(tab.sent, [8 * 3600 + 2]);
});

test('a clock that is set back makes no key younger', () => {
  const tab = new Tab();
  tab.press();
  tab.press();
  tab.wall -= 3600_000;
  tab.beats.splice(0);
  tab.pass(30);
  assert.deepEqual(tab.sent, [30]);
});

test('nothing is sent while there is no autopause', () => {
  const tab = new Tab();
  tab.heart.setRunning(false);
  tab.beats.splice(0);
  tab.urgent = true;
  tab.press();
  tab.show(false);
  tab.show(true);
  tab.pass(120);
  assert.deepEqual(tab.sent, []);
  tab.heart.setRunning(true);
  tab.heart.setRunning(true);
  assert.deepEqual(tab.sent, [120], 'a key that was not told is told now');
});
