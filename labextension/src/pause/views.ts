/** What a person is shown of the pause of the environment. Pure: from the server's report and the time that is left. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IPauseReport, IWork, Phase } from './report';
import { countdown, roughly } from './durations';
import type { IView, IconName, Tone } from '../views';

/** The server's report, and what the tab knows itself. */
export interface IPauseKnown {
  readonly report: IPauseReport;
  /** Until the deadline, by the server's clock; null: there is none. */
  readonly secondsLeft: number | null;
  /** Until a failed pause is tried again; null: it is not. */
  readonly secondsToRetry: number | null;
  /** Whether the server answered when it was last asked. */
  readonly answers: boolean;
}

export type PauseAction = 'keep-awake' | 'until-jobs-end' | 'end-keep-awake' | 'pause-now' | 'pause-anyway';

export interface IPauseButton {
  readonly action: PauseAction;
  readonly label: string;
  /** Why it cannot be pressed; null: it can. */
  readonly unavailable: string | null;
}

/** The longest time that one press asks for. */
export const KEEP_AWAKE_SECONDS = 3600;

/** States in which a person's input must be reported to the server at once. */
export function isPauseNear(state: Phase): boolean {
  return state === 'warning' || state === 'flushing' || state === 'pause-failed' || state === 'pause-due';
}

/** How long a press keeps the environment running: an hour, or what can still be asked for. */
export function secondsToAskFor(report: IPauseReport): number {
  const left = report.keepAwake.secondsLeftToAskFor;
  // With nothing left an hour is asked for all the same: the server's answer says what to do instead.
  return left > 0 ? Math.min(KEEP_AWAKE_SECONDS, left) : KEEP_AWAKE_SECONDS;
}

/** What works and what waits for a person, one sentence each: all of it is lost or stopped in a pause. */
export function whatIsRunning(report: IPauseReport): readonly string[] {
  return [...report.blockers, ...report.waits].map(work => work.detail);
}

/** The state in a few words; null: nothing is to be said. */
export function pauseBadge(known: IPauseKnown, trans: TranslationBundle): IView | null {
  const { report, answers } = known;
  if (!report.enabled) {
    return null;
  }
  if (!answers) {
    return lostView(report, trans);
  }
  const { icon, tone } = looks(isNoAlarm(report) ? 'idle' : report.state);
  return { icon, tone, text: stateInWords(known, trans), sentence: whyInWords(known, trans) };
}

/** Why it is still running and when it will be paused, in full sentences. */
export function whyInWords({ report, secondsLeft }: IPauseKnown, trans: TranslationBundle): string {
  const sentences = [report.message];
  if (secondsLeft !== null && report.state !== 'warning') {
    const left = roughly(secondsLeft, trans);
    sentences.push(
      report.canPause
        ? trans.__('If nothing changes, it is paused in %1.', left)
        : trans.__('If nothing changes, it should be paused in %1; nothing here can pause it.', left)
    );
  }
  const cost = costInWords(report, trans);
  return [...sentences, ...(cost === null ? [] : [cost])].join(' ');
}

/** What it costs; null where that is not known. */
export function costInWords({ costRunning, costPaused }: IPauseReport, trans: TranslationBundle): string | null {
  if (costRunning === null) {
    return null;
  }
  return costPaused === null
    ? trans.__('Running costs %1 per hour.', costRunning)
    : trans.__('Running costs %1 per hour, paused %2.', costRunning, costPaused);
}

/** What can be asked for outside the countdown. */
export function offeredAtAnyTime(report: IPauseReport, trans: TranslationBundle): readonly IPauseButton[] {
  if (isBeingPaused(report.state)) {
    return [];
  }
  const isKept = report.keepAwake.until !== null || report.keepAwake.untilJobsEnd;
  return [
    keepAwake(report, trans),
    ...(whatIsRunning(report).length > 0 ? [untilJobsEnd(report, trans)] : []),
    ...(isKept ? [endKeepAwake(trans)] : []),
    pauseNow(trans)
  ];
}

/** Whether it is too late to ask for time. */
export function isBeingPaused(state: Phase): boolean {
  return state === 'flushing' || state === 'pausing' || state === 'paused';
}

function lostView(report: IPauseReport, trans: TranslationBundle): IView {
  return isBeingPaused(report.state)
    ? {
        icon: 'pause',
        tone: 'bad',
        text: trans.__('Paused, or about to be'),
        sentence: trans.__('This environment was being paused, and does not answer any more.')
      }
    : {
        icon: 'offline',
        tone: 'bad',
        text: trans.__('No answer'),
        sentence: trans.__('Jupyter does not answer: whether this environment still runs is not known.')
      };
}

/** Icon and tone of a state. */
export function looks(state: Phase): { icon: IconName; tone: Tone } {
  switch (state) {
    case 'active':
    case 'working':
      return { icon: 'running', tone: 'plain' };
    case 'idle':
      return { icon: 'clock', tone: 'plain' };
    case 'warning':
      return { icon: 'clock', tone: 'warn' };
    case 'flushing':
    case 'pausing':
    case 'paused':
      return { icon: 'pause', tone: 'warn' };
    case 'pause-failed':
    case 'pause-due':
      return { icon: 'alert', tone: 'bad' };
  }
}

/** Where nothing can pause, the end of the idle time is no alarm. */
function isNoAlarm({ canPause, state }: IPauseReport): boolean {
  return !canPause && (state === 'warning' || state === 'pause-due');
}

function stateInWords({ report, secondsLeft }: IPauseKnown, trans: TranslationBundle): string {
  if (isNoAlarm(report)) {
    return trans.__('Idle');
  }
  switch (report.state) {
    case 'active':
      return trans.__('Running');
    case 'working':
      return workInWords(report.blockers, trans);
    case 'idle':
      return idleInWords(report, secondsLeft, trans);
    case 'warning':
      return secondsLeft ? trans.__('Pauses in %1', countdown(secondsLeft)) : trans.__('About to be paused');
    case 'flushing':
      return trans.__('Saving before the pause…');
    case 'pausing':
      return trans.__('Pausing…');
    case 'paused':
      return trans.__('Paused');
    case 'pause-failed':
      return notPaused(report.failure, trans);
    case 'pause-due':
      return trans.__('Should be paused');
  }
}

function idleInWords(report: IPauseReport, secondsLeft: number | null, trans: TranslationBundle): string {
  if (secondsLeft === null) {
    return trans.__('Running');
  }
  const left = roughly(secondsLeft, trans);
  return report.keepAwake.until !== null && report.keepAwake.until === report.deadline
    ? trans.__('Kept running, %1', left)
    : report.canPause
      ? trans.__('Idle, pauses in %1', left)
      : trans.__('Idle');
}

function workInWords(blockers: readonly IWork[], trans: TranslationBundle): string {
  const [blocker] = blockers;
  if (blocker === undefined) {
    return trans.__('Working');
  }
  const first = blocker.detail.replace(/\.$/, '');
  return blockers.length === 1
    ? trans.__('Working: %1', first)
    : trans.__('Working: %1, and %2 more', first, blockers.length - 1);
}

function notPaused(failure: string | null, trans: TranslationBundle): string {
  switch (failure) {
    case 'unflushed':
      return trans.__('Not paused: not all is uploaded');
    case 'actuators':
      return trans.__('Not paused: no pause method succeeded');
    case 'still-running':
      return trans.__('Not paused: it still runs');
    default:
      return trans.__('Not paused');
  }
}

export function keepAwake(report: IPauseReport, trans: TranslationBundle): IPauseButton {
  const label = trans.__('Keep Running %1', roughly(secondsToAskFor(report), trans));
  return { action: 'keep-awake', label, unavailable: null };
}

export function untilJobsEnd(report: IPauseReport, trans: TranslationBundle): IPauseButton {
  const isNothing = whatIsRunning(report).length === 0;
  return {
    action: 'until-jobs-end',
    label: trans.__('Until Jobs End'),
    unavailable: isNothing ? trans.__('Nothing is running that could be waited for.') : null
  };
}

function endKeepAwake(trans: TranslationBundle): IPauseButton {
  return { action: 'end-keep-awake', label: trans.__('Do Not Keep Running'), unavailable: null };
}

export function pauseNow(trans: TranslationBundle): IPauseButton {
  return { action: 'pause-now', label: trans.__('Pause Now'), unavailable: null };
}

export function pauseAnyway(trans: TranslationBundle): IPauseButton {
  return { action: 'pause-anyway', label: trans.__('Pause Anyway'), unavailable: null };
}
