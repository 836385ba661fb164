/** What is known of the pause of the environment. Everything that shows it listens to it; no other state is kept. */

import { ISignal, Signal } from '@lumino/signaling';
import { IPauseNews, IPauseReport, updatedByNews } from './report';
import type { IPauseKnown } from './views';
import { IClocks, ServerClock } from './serverclock';

export class PauseModel {
  /**
   * @param inWords - puts the server's sentence into the person's language.
   */
  constructor(
    clocks: IClocks,
    private readonly _inWords: (report: IPauseReport) => IPauseReport = report => report
  ) {
    this._clock = new ServerClock(clocks);
  }

  /** Null: the server has reported nothing: it has no such part, or does not answer. */
  get known(): IPauseKnown | null {
    const report = this._report;
    return report === null
      ? null
      : {
          report,
          secondsLeft: this._clock.secondsUntil(report.deadline),
          secondsToRetry: this._clock.secondsUntil(report.retryAt),
          answers: this._answers
        };
  }

  /** Whether times are the server's, and not this computer's. */
  get hasServersTime(): boolean {
    return this._clock.isServers;
  }

  /** Whether this computer has slept or its clock was set since the server answered: ask again. */
  get isOutOfTime(): boolean {
    return this._clock.isDisturbed;
  }

  /** Something was changed, or time has passed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** How long until a moment that the server reported, in seconds; null for none. */
  secondsUntil(iso: string | null): number | null {
    return this._clock.secondsUntil(iso);
  }

  /**
   * The server has answered.
   *
   * @param date - the answer's `Date`.
   * @param askedAt - when it was asked, by the monotonic clock.
   */
  noteAnswer(report: IPauseReport, date: string | null, askedAt: number): void {
    this._clock.note(date, askedAt);
    this._report = this._inWords(report);
    this._answers = true;
    this._changed.emit();
  }

  /** An event has come. */
  noteNews(news: IPauseNews): void {
    if (this._report !== null) {
      this._report = this._inWords(updatedByNews(this._report, news));
      this._answers = true;
      this._changed.emit();
    }
  }

  /** The server does not answer. */
  noteSilence(): void {
    this._answers = false;
    this._changed.emit();
  }

  /** Time has passed. */
  tick(): void {
    this._changed.emit();
  }

  private readonly _clock: ServerClock;
  private _report: IPauseReport | null = null;
  private _answers = true;
  private _changed = new Signal<this, void>(this);
}
