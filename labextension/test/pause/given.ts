/** What tests of the pause start from. */

import { IPauseReport, parseReport } from '../../src/pause/report';
import type { IPauseKnown } from '../../src/pause/views';

const CELL = { kind: 'kernel', id: 'k1', detail: 'A cell of a.ipynb runs.', since: '2026-11-24T11:00:00Z' };
export const JOB = { kind: 'terminal', id: '1', detail: 'make runs in terminal 1.', since: null };
export const INPUT = { ...CELL, detail: 'A cell of b.ipynb waits for input.' };

/** The report as the server sends it: nobody is there, and nothing works. */
export const REPORT = {
  state: 'idle',
  since: '2026-11-24T11:10:00Z',
  deadline: '2026-11-24T11:40:00Z',
  reason: 'idle',
  failure: null,
  message: 'No one is here and nothing is running.',
  blockers: [] as object[],
  cost_per_hour: '0.203698',
  enabled: true,
  idle_seconds: 600,
  idle_timeout_seconds: 1800,
  retry_at: null,
  last_human: '2026-11-24T11:10:00Z',
  waits: [] as object[],
  max_busy: { working_seconds: null, seconds_left: null },
  keep_awake: { until: null as string | null, until_jobs_end: false, seconds_left_to_ask_for: 14400 },
  kernels: [],
  cost: {
    currency: 'USD',
    running_per_hour: '0.203698' as string | null,
    running_shown: '$0.20',
    paused_per_hour: '0.013699' as string | null,
    paused_shown: '$0.01',
    prices_of: '2026-09'
  },
  pauses_by: ['leonardo'],
  attempts: [],
  flush: null as object | null
};

export const WORKING = {
  ...REPORT,
  state: 'working',
  message: 'Still running: A cell of a.ipynb runs.',
  blockers: [CELL]
};
export const WARNING = { ...REPORT, state: 'warning' };
/** Nothing is configured that could pause it. */
export const ONLY_TOLD = { ...WARNING, pauses_by: [] as string[] };
export const UNFLUSHED = {
  ...REPORT,
  state: 'pause-failed',
  failure: 'unflushed',
  message: 'Not paused: some files are not in the workspace yet. It will be tried again.',
  flush: {
    cause: 'idle',
    unsafe: [
      { path: 'ws/edit/a.ipynb', reason: 'remote-changed' },
      { path: '*', reason: 'timeout' }
    ]
  }
};

export function report(data: object): IPauseReport {
  const parsed = parseReport(data);
  if (parsed === null) {
    throw new Error('not a report');
  }
  return parsed;
}

export function known(data: object, change: Partial<IPauseKnown> = {}): IPauseKnown {
  return { report: report(data), secondsLeft: 252, secondsToRetry: null, answers: true, ...change };
}
