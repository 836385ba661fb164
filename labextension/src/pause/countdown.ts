/** The countdown before a pause, and what comes after it. Pure, as in `pauseviews.ts`. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IPauseReport, Phase } from './report';
import { countdown, roughly } from './durations';
import {
  IPauseButton,
  IPauseKnown,
  costInWords,
  isBeingPaused,
  isPauseNear,
  keepAwake,
  looks,
  pauseAnyway,
  pauseNow,
  untilJobsEnd,
  whatIsRunning
} from './views';
import type { IconName, Tone } from '../views';

/** What the countdown says, and what can be done. */
export interface ICountdown {
  readonly tone: Tone;
  readonly icon: IconName;
  /** What happens, before the time that is left. */
  readonly title: string;
  /** As `4:12`; null: it is not known, or over. */
  readonly left: string | null;
  readonly sentence: string;
  /** What is meant by the sentence, one by one. */
  readonly items: readonly string[];
  /** What it costs, when it is tried again. */
  readonly notes: readonly string[];
  readonly buttons: readonly IPauseButton[];
}

/** The countdown, and what comes after it; null while no pause is near. */
export function countdownView(known: IPauseKnown, trans: TranslationBundle): ICountdown | null {
  const { report } = known;
  if (!known.answers) {
    return isBeingPaused(report.state) ? goneView(trans) : null;
  }
  if (!report.canPause && (report.state === 'warning' || report.state === 'pause-due')) {
    return null; // nothing comes of it
  }
  const { icon, tone } = looks(report.state);
  const plain = { icon, tone, left: null, sentence: report.message, items: [], notes: [], buttons: [] };
  switch (report.state) {
    case 'active':
    case 'working':
    case 'idle':
      return null;
    case 'warning':
      return { ...plain, ...warned(known, trans) };
    case 'flushing':
      return { ...plain, ...flushing(report, trans) };
    case 'pausing':
      return { ...plain, title: trans.__('This environment is about to be paused') };
    case 'paused':
      return {
        ...plain,
        title: trans.__('This environment is paused'),
        sentence: trans.__('What you type here now may be lost. Start it again, then reload this page.')
      };
    case 'pause-failed':
      return { ...plain, ...failed(known, trans) };
    case 'pause-due':
      return {
        ...plain,
        title: trans.__('This environment should be paused'),
        notes: costs(report, trans),
        buttons: [keepAwake(report, trans), pauseNow(trans)]
      };
  }
}

/**
 * What screen readers say: at the start of the countdown, at a few moments before its end, and when it is over. The text
 * stays the same in between, so that screen readers do not read each second aloud.
 *
 * @param before - the state that was announced before.
 */
export function announcement(known: IPauseKnown, before: Phase | null, trans: TranslationBundle): string {
  const view = countdownView(known, trans);
  if (view === null) {
    const wasNear = before !== null && (isPauseNear(before) || isBeingPaused(before));
    return wasNear && known.answers && known.report.canPause ? trans.__('This environment keeps running.') : '';
  }
  if (known.report.state === 'warning') {
    return `${warning(known, trans)} ${view.sentence}`;
  }
  return [`${view.title}.`, view.sentence, ...view.items].join(' ');
}

function warned({ report, secondsLeft }: IPauseKnown, trans: TranslationBundle) {
  const isOver = secondsLeft === null || secondsLeft === 0;
  return {
    title: isOver ? trans.__('This environment is about to be paused') : trans.__('This environment pauses in'),
    left: isOver ? null : countdown(secondsLeft),
    sentence: trans.__('%1 Press any key to keep it running.', report.message),
    items: whatIsRunning(report),
    notes: costs(report, trans),
    buttons: [keepAwake(report, trans), untilJobsEnd(report, trans), pauseNow(trans)]
  };
}

function flushing({ message, reason }: IPauseReport, trans: TranslationBundle) {
  return {
    title: trans.__('This environment is about to be paused'),
    sentence: reason === 'requested' ? message : trans.__('%1 Press any key to keep it running.', message)
  };
}

function failed({ report, secondsToRetry }: IPauseKnown, trans: TranslationBundle) {
  const isUnflushed = report.failure === 'unflushed';
  const retry = secondsToRetry === null ? [] : [trans.__('Next try in %1.', countdown(secondsToRetry))];
  return {
    title: trans.__('This environment could not be paused'),
    items: isUnflushed ? report.unsafe : [],
    notes: [...retry, ...costs(report, trans)],
    buttons: [keepAwake(report, trans), isUnflushed ? pauseAnyway(trans) : pauseNow(trans)]
  };
}

function costs(report: IPauseReport, trans: TranslationBundle): readonly string[] {
  const cost = costInWords(report, trans);
  return cost === null ? [] : [cost];
}

function goneView(trans: TranslationBundle): ICountdown {
  return {
    tone: 'bad',
    icon: 'offline',
    title: trans.__('This environment does not answer any more'),
    left: null,
    sentence: trans.__(
      'It was being paused. What you type here now may be lost. Start it again, then reload this page.'
    ),
    items: [],
    notes: [],
    buttons: []
  };
}

function warning({ secondsLeft }: IPauseKnown, trans: TranslationBundle): string {
  const limit = ANNOUNCED_AT_SECONDS.find(seconds => (secondsLeft ?? 0) <= seconds);
  if (limit === undefined) {
    return trans.__('This environment is paused soon.');
  }
  return limit === 0
    ? trans.__('This environment is about to be paused.')
    : trans.__('This environment is paused in less than %1.', roughly(limit, trans));
}

const ANNOUNCED_AT_SECONDS = [0, 10, 60, 120, 300, 600, 1800];
