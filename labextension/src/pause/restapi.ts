/** The server's endpoint about the pause of the environment. Stateless; every answer is checked. */

import type { ServerConnection } from '@jupyterlab/services';
import { IExchange, UnexpectedAnswer, exchange, hint } from '../restapi';
import type { IBeat } from './heartbeat';
import { IPauseReport, parseReport } from './report';

/** What can be asked about the pause of the environment. */
export type PauseRequest =
  | { readonly action: 'keep-awake'; readonly seconds: number }
  | { readonly action: 'keep-awake-until-jobs-end' }
  | { readonly action: 'end-keep-awake' }
  | { readonly action: 'pause-now'; readonly force: boolean };

export interface IPauseAnswer {
  readonly report: IPauseReport;
  /** The answer's `Date`: the server's time. */
  readonly date: string | null;
}

/** Why this environment is still running, and when it will be paused. */
export async function getPause(settings: ServerConnection.ISettings): Promise<IPauseAnswer> {
  return pauseAnswer(await exchange(settings, 'autopause'));
}

/**
 * Ask for time, or for the pause.
 *
 * @throws Refusal with the sentence that says why not.
 */
export async function requestPause(settings: ServerConnection.ISettings, request: PauseRequest): Promise<IPauseAnswer> {
  return postPause(settings, request);
}

/** Report that a tab is there, and when it was last touched. */
export async function sendBeat(
  settings: ServerConnection.ISettings,
  tab: string,
  { visible, lastInputAgeSeconds }: IBeat
): Promise<IPauseAnswer> {
  return postPause(settings, { action: 'heartbeat', tab, visible, last_input_age_seconds: lastInputAgeSeconds });
}

/** Report that a tab has saved everything it was asked to save. */
export async function reportSaved(settings: ServerConnection.ISettings, tab: string): Promise<IPauseAnswer> {
  return postPause(settings, { action: 'saved', tab });
}

/** The server takes no more at once. */
const MOST_PATHS = 200;

/**
 * Report what a tab holds that is not saved.
 *
 * @param stillSaving - whether it is still being saved; otherwise it cannot be.
 */
export async function reportUnsaved(
  settings: ServerConnection.ISettings,
  tab: string,
  paths: readonly string[],
  stillSaving: boolean
): Promise<IPauseAnswer> {
  return postPause(settings, { action: 'unsaved', tab, paths: paths.slice(0, MOST_PATHS), still_saving: stillSaving });
}

/** Report that a tab is being closed, so that no pause waits for it to save. The server forgets it by itself after a while. */
export function reportLeaving(settings: ServerConnection.ISettings, tab: string): void {
  hint(settings, 'autopause', { action: 'leave', tab });
}

async function postPause(settings: ServerConnection.ISettings, body: object): Promise<IPauseAnswer> {
  return pauseAnswer(await exchange(settings, 'autopause', { method: 'POST', body: JSON.stringify(body) }));
}

function pauseAnswer({ answer, date }: IExchange): IPauseAnswer {
  const report = parseReport(answer);
  if (report === null) {
    throw new UnexpectedAnswer('autopause');
  }
  return { report, date };
}
