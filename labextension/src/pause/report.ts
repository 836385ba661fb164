/** The server's report on the pause of the environment, checked before anything relies on it. */

import { isFields, text } from '../validate';
export const PHASES = [
  'active',
  'working',
  'idle',
  'warning',
  'flushing',
  'pausing',
  'paused',
  'pause-failed',
  'pause-due'
] as const;
export type Phase = (typeof PHASES)[number];

/** Something that works, or waits for a person. */
export interface IWork {
  readonly id: string;
  /** One sentence. */
  readonly detail: string;
  /** ISO 8601, UTC. */
  readonly since: string | null;
}

/** The contents of an event. */
export interface IPauseNews {
  readonly state: Phase;
  /** One sentence that says why. */
  readonly message: string;
  /** Stands for the sentence; null: the server is older. */
  readonly code?: string | null;
  /** ISO 8601, UTC: when it will be paused if nothing changes; null: never. */
  readonly deadline: string | null;
  /** `idle`, `max-busy` or `requested`. */
  readonly reason: string | null;
  /** `unflushed`, `actuators` or `still-running`. */
  readonly failure: string | null;
  readonly blockers: readonly IWork[];
}

export interface IKeepAwake {
  /** ISO 8601, UTC. */
  readonly until: string | null;
  readonly untilJobsEnd: boolean;
  readonly secondsLeftToAskFor: number;
}

/** The complete report. */
export interface IPauseReport extends IPauseNews {
  /** Whether this environment is ever paused for being idle. */
  readonly enabled: boolean;
  /** Whether anything here can pause it; otherwise the pause is only announced. */
  readonly canPause: boolean;
  readonly waits: readonly IWork[];
  readonly keepAwake: IKeepAwake;
  /** ISO 8601, UTC. */
  readonly retryAt: string | null;
  /** Per hour, in words as `$0.20`; null: not known. */
  readonly costRunning: string | null;
  readonly costPaused: string | null;
  /** API paths of the files that the last flush could not bring to safety. */
  readonly unsafe: readonly string[];
}

/**
 * Read an event.
 *
 * @returns null when it is none that this version understands.
 */
export function parseNews(data: unknown): IPauseNews | null {
  const state = isFields(data) ? PHASES.find(phase => phase === data.state) : undefined;
  if (!isFields(data) || state === undefined) {
    return null;
  }
  return {
    state,
    message: text(data.message) ?? '',
    code: text(data.code),
    deadline: text(data.deadline),
    reason: text(data.reason),
    failure: text(data.failure),
    blockers: works(data.blockers)
  };
}

/**
 * Read the report.
 *
 * @returns null when it is none that this version understands.
 */
export function parseReport(data: unknown): IPauseReport | null {
  const news = parseNews(data);
  if (news === null || !isFields(data)) {
    return null;
  }
  const kept = isFields(data.keep_awake) ? data.keep_awake : {};
  const cost = isFields(data.cost) ? data.cost : {};
  return {
    ...news,
    enabled: data.enabled === true,
    canPause: !Array.isArray(data.pauses_by) || data.pauses_by.length > 0,
    waits: works(data.waits),
    keepAwake: {
      until: text(kept.until),
      untilJobsEnd: kept.until_jobs_end === true,
      secondsLeftToAskFor: typeof kept.seconds_left_to_ask_for === 'number' ? kept.seconds_left_to_ask_for : 0
    },
    retryAt: text(data.retry_at),
    costRunning: amount(cost.running_per_hour, cost.running_shown),
    costPaused: amount(cost.paused_per_hour, cost.paused_shown),
    unsafe: isFields(data.flush) ? paths(data.flush.unsafe) : []
  };
}

/** Why tabs are to save everything they hold; null: they are not. */
export function saveAskedBy(event: unknown): string | null {
  return isFields(event) ? text(event.save) : null;
}

/** The report, updated by an event. */
export function updatedByNews(report: IPauseReport, news: IPauseNews): IPauseReport {
  return { ...report, ...news };
}

function works(data: unknown): IWork[] {
  const items = Array.isArray(data) ? data.filter(isFields) : [];
  return items.map(item => ({ id: text(item.id) ?? '', detail: text(item.detail) ?? '', since: text(item.since) }));
}

/** An unknown amount comes with words, too, which are no amount. */
function amount(exact: unknown, shown: unknown): string | null {
  return text(exact) === null ? null : text(shown);
}

function paths(data: unknown): string[] {
  const files = Array.isArray(data) ? data.filter(isFields) : [];
  return files.map(file => text(file.path)).filter((path): path is string => path !== null && path !== ALL);
}

/** Stands for all that is owed, when it is not known which. */
const ALL = '*';
