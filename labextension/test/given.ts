/** What tests start from. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IPauseNews } from '../src/pause/report';
import { INotebookStatus, parseStatus } from '../src/status';
import type { ITabState } from '../src/views';

/** English, as the front end has it without a language pack. */
export const trans = {
  __: (text: string, ...values: unknown[]) => text.replace(/%(\d)/g, (_, index) => String(values[Number(index) - 1]))
} as unknown as TranslationBundle;

export const ANSWER = {
  path: 'ws/edit/a.ipynb',
  workspace: 'ws',
  bucket: 'b',
  object: 'notebooks/a.ipynb',
  mode: 'edit',
  place: 'in-workspace',
  message: 'Saved on this disk and in the workspace.',
  reason: null,
  saved_at: '2026-11-24T08:30:00Z',
  writable: true,
  edit_path: 'ws/edit/a.ipynb',
  playground_path: 'ws/playground/a.ipynb',
  workspace_version: '1',
  workspace_saved_at: null,
  gone: null,
  lock: {
    state: 'held',
    message: 'You are editing this notebook.',
    holder: 'ab12',
    email: null,
    until: '2026-11-24T08:33:00Z',
    lost: false,
    actions: []
  }
};

export const HELD_BY_BEN = {
  ...ANSWER,
  writable: false,
  lock: {
    ...ANSWER.lock,
    state: 'held-by-other',
    message: 'Somebody else is editing this notebook.',
    email: 'ben@example.org',
    actions: ['playground', 'copy', 'wait']
  }
};

export function status(change: object = {}): INotebookStatus {
  const parsed = parseStatus({ ...ANSWER, ...change });
  if (parsed === null) {
    throw new Error('not a status');
  }
  return parsed;
}

export const CLEAN: ITabState = {
  dirty: false,
  saving: false,
  saveFailed: false,
  readOnly: false,
  connection: 'open'
};

/** A locale that shows what was not translated: everything that was is in brackets, and longer than in English. */
export const pseudo = {
  __: (text: string, ...values: unknown[]) => `[${trans.__(text, ...values)} ~~~]`
} as unknown as TranslationBundle;

export const NEWS_WITHOUT_CODE: IPauseNews = {
  state: 'idle',
  message: 'As it came.',
  deadline: null,
  reason: null,
  failure: null,
  blockers: []
};
