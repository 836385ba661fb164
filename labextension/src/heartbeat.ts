/** Tells the server that somebody is at this tab, and when they last touched it. */

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
  /** Whether a pause is near, so that the server should know at once that somebody is there. */
  isUrgent: () => boolean;
}

/** The server forgets a tab after 120 s; a hidden tab's timers may come a minute late. */
export const BEAT_MS = 30_000;
const LEAST_BETWEEN_URGENT_MS = 1000;

/**
 * Beats every 30 s while the tab can be seen. A hidden tab is nobody's: it is silent, unless it holds something unsaved.
 * A computer that sleeps sends nothing, and when it wakes up the last input is as old as the longer of its clocks says.
 */
export class Heartbeat {
  constructor(private readonly _options: IHeartbeatOptions) {}

  /** Begin, with a first beat, or end. */
  setRunning(running: boolean): void {
    if (running === (this._end !== null)) {
      return;
    }
    if (running) {
      this._end = this._options.every(() => this._beatIfDue(), BEAT_MS);
      this._beatIfDue();
    } else {
      this._end?.();
      this._end = null;
    }
  }

  /** Somebody has pressed a key or clicked. */
  noteInput({ mayBeUrgent }: { mayBeUrgent: boolean }): void {
    const { clocks, isUrgent } = this._options;
    this._input = { monotonic: clocks.monotonic(), wall: clocks.wall() };
    this._isInputTold = false;
    const rested = this._input.monotonic - this._lastUrgent >= LEAST_BETWEEN_URGENT_MS;
    if (mayBeUrgent && this._end !== null && rested && isUrgent()) {
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
      this._beatIfDue();
    } else if (!this._isInputTold) {
      // Until now it could be seen; what was typed since the last beat must not be forgotten.
      void this._beat(true);
    }
  }

  private _beatIfDue(): void {
    const visible = this._options.isVisible();
    if (visible || this._options.hasUnsaved()) {
      void this._beat(visible);
    }
  }

  private async _beat(visible: boolean): Promise<void> {
    this._isInputTold = true;
    await this._options.send({ visible, lastInputAgeSeconds: this._age() });
  }

  private _age(): number | null {
    const { _input: input } = this;
    if (input === null) {
      return null;
    }
    const { clocks } = this._options;
    return Math.max(0, clocks.monotonic() - input.monotonic, clocks.wall() - input.wall) / 1000;
  }

  private _end: (() => void) | null = null;
  private _input: { monotonic: number; wall: number } | null = null;
  private _isInputTold = true;
  private _lastUrgent = Number.NEGATIVE_INFINITY;
}
