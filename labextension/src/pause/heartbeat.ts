/** Reports to the server that a person is at this tab, and when they last touched it. */

import type { IClocks } from './serverclock';

export interface IBeat {
  readonly visible: boolean;
  /** Since the last key or click; null: there was none. */
  readonly lastInputAgeSeconds: number | null;
}

export interface IHeartbeatOptions {
  /** Send a beat; settles when it was answered or lost. */
  send: (beat: IBeat) => Promise<void>;
  clocks: IClocks;
  /** Call again and again; gives what ends it. */
  every: (act: () => void, ms: number) => () => void;
  isVisible: () => boolean;
  /** Whether the tab holds anything that is not saved: then a pause waits for it, if it is known. */
  hasUnsaved: () => boolean;
  /** Whether a pause is near, so that the server should know at once that a person is there. */
  isUrgent: () => boolean;
}

/** The server forgets a tab after 120 s; a hidden tab's timers may come a minute late. */
export const BEAT_MS = 30_000;
/** The interval for a tab that no one touches and that holds nothing unsaved: it has nothing new to report. */
const QUIET_BEAT_MS = 60_000;
const LEAST_BETWEEN_URGENT_MS = 1000;

/**
 * Beats while the tab can be seen: every 30 s, every 60 s while no one touches it. The first beat is due with the first
 * key or click, or after 30 s: JupyterLab's start has requests enough. A hidden tab counts for no one: it sends nothing, unless it holds something unsaved.
 * A computer that sleeps sends nothing, and when it wakes up the last input is as old as the longer of its clocks says.
 */
export class Heartbeat {
  constructor(private readonly _options: IHeartbeatOptions) {}

  /** Begin or end. */
  setRunning(running: boolean): void {
    if (running === (this._end !== null)) {
      return;
    }
    if (running) {
      this._end = this._options.every(() => this._beatIfDue(), BEAT_MS);
      if (!this._isInputReported) {
        this._beatIfDue();
      }
    } else {
      this._end?.();
      this._end = null;
    }
  }

  /** A key was pressed, or something was clicked. */
  noteInput({ mayBeUrgent }: { mayBeUrgent: boolean }): void {
    const { isUrgent } = this._options;
    this._input = this._now();
    this._isInputReported = false;
    const rested = this._input.monotonic - this._lastUrgent >= LEAST_BETWEEN_URGENT_MS;
    if (mayBeUrgent && this._end !== null && rested && (isUrgent() || this._last === null)) {
      this._lastUrgent = this._input.monotonic;
      void this._beat(true);
    }
  }

  /** The tab was shown or hidden. */
  noteVisibility(): void {
    if (this._end === null) {
      return;
    }
    if (this._options.isVisible()) {
      void this._beat(true);
    } else if (!this._isInputReported) {
      // Until now it could be seen; what was typed since the last beat must not be forgotten.
      void this._beat(true);
    }
  }

  private _beatIfDue(): void {
    const visible = this._options.isVisible();
    if (this._options.hasUnsaved() || (visible && !this._hasNothingNew())) {
      void this._beat(visible);
    }
  }

  private _hasNothingNew(): boolean {
    const { clocks, isUrgent } = this._options;
    return (
      this._isInputReported && !isUrgent() && this._last !== null && passed(this._last, clocks) < QUIET_BEAT_MS / 1000
    );
  }

  private async _beat(visible: boolean): Promise<void> {
    this._isInputReported = true;
    this._last = this._now();
    await this._options.send({ visible, lastInputAgeSeconds: this._age() });
  }

  private _age(): number | null {
    return this._input === null ? null : passed(this._input, this._options.clocks);
  }

  private _now(): IMoment {
    const { clocks } = this._options;
    return { monotonic: clocks.monotonic(), wall: clocks.wall() };
  }

  private _end: (() => void) | null = null;
  private _input: IMoment | null = null;
  /** When the last beat was sent; null: none yet. */
  private _last: IMoment | null = null;
  private _isInputReported = true;
  private _lastUrgent = Number.NEGATIVE_INFINITY;
}

interface IMoment {
  readonly monotonic: number;
  readonly wall: number;
}

/** Seconds since then: the longer of what both clocks say, for one of them stands still while a computer sleeps. */
function passed(since: IMoment, clocks: IClocks): number {
  return Math.max(0, clocks.monotonic() - since.monotonic, clocks.wall() - since.wall) / 1000;
}
