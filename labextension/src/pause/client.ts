/** Sends requests about the pause to the server, and passes the answers to the model. */

import { ServerConnection } from '@jupyterlab/services';
import type { IBeat } from './heartbeat';
import type { PauseModel } from './model';
import {
  IPauseAnswer,
  PauseRequest,
  getPause,
  reportLeaving,
  reportSaved,
  reportUnsaved,
  requestPause,
  sendBeat
} from './restapi';
import { Refusal, UnexpectedAnswer } from '../restapi';
import type { IClocks } from './serverclock';

export class PauseClient {
  /**
   * @param tab - an id of this tab.
   */
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _tab: string,
    private readonly _model: PauseModel,
    private readonly _clocks: IClocks
  ) {}

  /**
   * Ask for the report, again if news has come meanwhile.
   *
   * @returns whether the server knows of a pause; what it does not know now it will not know later.
   */
  refresh(): Promise<boolean> {
    this._isStale = this._asking !== null;
    this._asking ??= this._refresh().finally(() => (this._asking = null));
    return this._asking;
  }

  /** Report that this tab is there. */
  async beat(beat: IBeat): Promise<void> {
    await this._quietly(() => sendBeat(this._settings, this._tab, beat));
  }

  /** Report that this tab has saved what it was asked to save. */
  async saved(): Promise<void> {
    await this._quietly(() => reportSaved(this._settings, this._tab));
  }

  /** Report what this tab holds that is not saved. */
  async unsaved(paths: readonly string[], stillSaving: boolean): Promise<void> {
    await this._quietly(() => reportUnsaved(this._settings, this._tab, paths, stillSaving));
  }

  /** Report, while the page goes away, that this tab does not come back. */
  leave(): void {
    reportLeaving(this._settings, this._tab);
  }

  /**
   * Ask for time or for the pause.
   *
   * @throws Refusal with the server's sentence.
   */
  async ask(request: PauseRequest): Promise<void> {
    await this._take(() => requestPause(this._settings, request));
  }

  private async _refresh(): Promise<boolean> {
    let known = true;
    do {
      this._isStale = false;
      known = await this._quietly(() => getPause(this._settings));
    } while (this._isStale && known);
    return known;
  }

  /** False: the server has no such part, or does not let this person see it. */
  private async _quietly(act: () => Promise<IPauseAnswer>): Promise<boolean> {
    try {
      await this._take(act);
      return true;
    } catch (error) {
      return !(error instanceof Refusal || error instanceof UnexpectedAnswer);
    }
  }

  private async _take(act: () => Promise<IPauseAnswer>): Promise<void> {
    const askedAt = this._clocks.monotonic();
    try {
      const { report, date } = await act();
      this._model.noteAnswer(report, date, askedAt);
    } catch (error) {
      if (error instanceof ServerConnection.NetworkError) {
        this._model.noteSilence();
      }
      throw error;
    }
  }

  private _asking: Promise<boolean> | null = null;
  private _isStale = false;
}
