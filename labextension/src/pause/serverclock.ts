/** The server's time, whatever this computer's clock says. */

/** Clocks of this computer, in milliseconds. */
export interface IClocks {
  /** Never set; may stand still while the computer sleeps. */
  monotonic(): number;
  /** What this computer takes for the time. */
  wall(): number;
}

/** A `Date` header names the second in which the answer was written. */
const SECOND_MS = 1000;
/** More than this, and the computer has slept, or its clock was set. */
const DISTURBANCE_MS = 2000;

/**
 * Learns the server's time from the `Date` of its answers: each says that at some moment between question and answer
 * the server's clock showed that second. What several of them say together is exact to a fraction of it.
 */
export class ServerClock {
  constructor(private readonly _clocks: IClocks) {}

  /**
   * Take note of an answer.
   *
   * @param date - its `Date` header; null: it has none.
   * @param askedAt - when it was asked for, by the monotonic clock.
   */
  note(date: string | null, askedAt: number): void {
    const second = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(second)) {
      return;
    }
    const now = this._clocks.monotonic();
    const measured = { least: second - now, most: second + SECOND_MS - askedAt };
    const both = this._offset && {
      least: Math.max(measured.least, this._offset.least),
      most: Math.min(measured.most, this._offset.most)
    };
    // Where they contradict each other, a clock was set: the newest is right.
    this._offset = both !== null && both.least <= both.most && !this.isDisturbed ? both : measured;
    this._drift = this._clocks.wall() - now;
  }

  /** Whether the server's time is known; it is this computer's otherwise. */
  get isServers(): boolean {
    return this._offset !== null;
  }

  /** Whether this computer has slept, or its clock was set, since the last answer: ask again. */
  get isDisturbed(): boolean {
    const drift = this._clocks.wall() - this._clocks.monotonic();
    return this._drift !== null && Math.abs(drift - this._drift) > DISTURBANCE_MS;
  }

  /** The server's time, in milliseconds since 1970. */
  now(): number {
    if (this._offset === null) {
      return this._clocks.wall();
    }
    return this._clocks.monotonic() + (this._offset.least + this._offset.most) / 2;
  }

  /** Seconds until a moment that the server reported, never less than 0; null for none. */
  secondsUntil(iso: string | null): number | null {
    const moment = iso === null ? Number.NaN : Date.parse(iso);
    return Number.isNaN(moment) ? null : Math.max(0, (moment - this.now()) / 1000);
  }

  private _offset: { least: number; most: number } | null = null;
  private _drift: number | null = null;
}
