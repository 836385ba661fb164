/** The server's status of a notebook, checked before anything relies on it. */

import { Fields, isFields, oneOf, text } from './validate';

export type Mode = 'edit' | 'playground';

export const PLACES = [
  'in-workspace',
  'uploading',
  'on-disk',
  'offline',
  'conflict',
  'locked',
  'gone',
  'local-only',
  'playground'
] as const;
export type Place = (typeof PLACES)[number] | 'unknown';

export const LOCK_STATES = [
  'held',
  'free',
  'held-by-other',
  'held-elsewhere',
  'not-permitted',
  'unknown',
  'none'
] as const;
export type LockState = (typeof LOCK_STATES)[number];

export const LOCK_ACTIONS = ['playground', 'copy', 'wait', 'take-over'] as const;
export type LockAction = (typeof LOCK_ACTIONS)[number];

export interface ILock {
  readonly state: LockState;
  /** One constant sentence; empty when there is nothing to say. */
  readonly message: string;
  /** Stands for the sentence; null: the server is older. */
  readonly code?: string | null;
  /** E-mail address of a known collaborator. */
  readonly email: string | null;
  /** ISO 8601, UTC. */
  readonly until: string | null;
  /** Whether this environment held it before. */
  readonly lost: boolean;
  readonly actions: readonly LockAction[];
}

/** What became of a notebook that is not in the workspace any more. */
export interface IGone {
  readonly how: 'renamed' | 'deleted' | 'missing';
  /** The new API path, when it was renamed. */
  readonly path: string | null;
}

export interface INotebookStatus {
  readonly path: string;
  readonly mode: Mode;
  readonly place: Place;
  /** One constant sentence. */
  readonly message: string;
  /** Stands for the sentence; null: the server is older. */
  readonly code?: string | null;
  readonly bucket?: string | null;
  readonly reason: string | null;
  /** ISO 8601, UTC: when the bucket was last known to hold this working copy. */
  readonly savedAt: string | null;
  /** Names the content that the workspace has, as the server saw it last; opaque. */
  readonly workspaceVersion: string | null;
  /** ISO 8601, UTC: when the workspace was given that content. */
  readonly workspaceSavedAt: string | null;
  readonly gone: IGone | null;
  readonly writable: boolean;
  readonly editPath: string | null;
  readonly playgroundPath: string | null;
  /** None: the server knows no locks. */
  readonly lock: ILock | null;
}

/** The marks of a folder's entry: what is worth a sign beside its name. */
export type Mark = 'conflict' | 'not-in-workspace' | 'locked' | 'this-disk';

/**
 * Read an answer of the status endpoint, a frame of the presence socket or an event.
 *
 * @returns null when it is none.
 */
export function parseStatus(data: unknown): INotebookStatus | null {
  if (!isFields(data) || typeof data.path !== 'string') {
    return null;
  }
  const work = parseWork(data);
  if (work === null) {
    return null;
  }
  return {
    path: data.path,
    ...work,
    writable: data.writable !== false,
    editPath: text(data.edit_path),
    playgroundPath: text(data.playground_path)
  };
}

/**
 * Read the status in a model of the contents API, as a notebook is opened.
 *
 * @returns null: it has none, or the person may not write, which the model alone does not explain.
 */
export function statusIn(model: unknown): INotebookStatus | null {
  const isWritable = isFields(model) && model.type === 'notebook' && model.writable !== false;
  return isWritable ? parseStatus(model.terra) : null;
}

/**
 * Bring a status up to date by a model of the contents API.
 *
 * @returns the same status if the model has none.
 */
export function updatedByModel(status: INotebookStatus, model: unknown): INotebookStatus {
  if (!isFields(model) || !isFields(model.terra)) {
    return status;
  }
  const work = parseWork(model.terra);
  if (work === null) {
    return status;
  }
  return {
    ...status,
    ...work,
    savedAt: work.savedAt ?? status.savedAt,
    lock: work.lock ?? status.lock,
    writable: model.writable !== false
  };
}

/** Bring a status up to date by an event, which names no person. */
export function updatedByEvent(status: INotebookStatus, event: INotebookStatus): INotebookStatus {
  const lock = event.lock ?? status.lock;
  if (lock === null || status.lock === null || lock.state !== status.lock.state) {
    return { ...event, lock };
  }
  return { ...event, lock: { ...lock, email: lock.email ?? status.lock.email } };
}

/** Whether another person, or this person elsewhere, holds the edit lock. */
export function isHeldElsewhere(status: INotebookStatus): boolean {
  return status.lock?.state === 'held-by-other' || status.lock?.state === 'held-elsewhere';
}

/** Whether the bucket and the working copy have parted. */
export function isConflict(status: INotebookStatus): boolean {
  return status.place === 'conflict';
}

/** Whether the disk holds the edits of a save that was refused. */
export function isKeptOnDisk(status: INotebookStatus): boolean {
  return status.place === 'conflict' || status.place === 'locked';
}

/** The mark of a folder's entry, from its model or from an event. */
export function markOf(terra: unknown): Mark | null {
  if (!isFields(terra)) {
    return null;
  }
  const lock = isFields(terra.lock) ? terra.lock.state : null;
  if (terra.place === 'conflict') {
    return 'conflict';
  }
  if (lock === 'held-by-other' || lock === 'held-elsewhere') {
    return 'locked';
  }
  if (terra.place === 'local-only') {
    return 'this-disk';
  }
  const behind = ['on-disk', 'uploading', 'locked'];
  return behind.includes(String(terra.place)) ? 'not-in-workspace' : null;
}

type Work = Pick<
  INotebookStatus,
  | 'mode'
  | 'place'
  | 'message'
  | 'code'
  | 'bucket'
  | 'reason'
  | 'savedAt'
  | 'workspaceVersion'
  | 'workspaceSavedAt'
  | 'gone'
  | 'lock'
>;

function parseWork(data: Fields): Work | null {
  if (data.mode !== 'edit' && data.mode !== 'playground') {
    return null;
  }
  return {
    mode: data.mode,
    place: oneOf(PLACES, data.place) ?? 'unknown',
    message: text(data.message) ?? '',
    code: text(data.code),
    bucket: text(data.bucket),
    reason: text(data.reason),
    savedAt: text(data.saved_at),
    workspaceVersion: text(data.workspace_version),
    workspaceSavedAt: text(data.workspace_saved_at),
    gone: parseGone(data.gone),
    lock: parseLock(data.lock)
  };
}

/** Which version a model of the contents API shows; null: it does not say. */
export function shownVersion(model: unknown): string | null {
  return isFields(model) && isFields(model.terra) ? text(model.terra.shown_version) : null;
}

function parseGone(data: unknown): IGone | null {
  if (!isFields(data)) {
    return null;
  }
  const path = text(data.path);
  if (data.how === 'renamed' && path !== null) {
    return { how: 'renamed', path };
  }
  return { how: data.how === 'deleted' ? 'deleted' : 'missing', path: null };
}

function parseLock(data: unknown): ILock | null {
  if (!isFields(data)) {
    return null;
  }
  const actions = Array.isArray(data.actions) ? data.actions : [];
  return {
    state: oneOf(LOCK_STATES, data.state) ?? 'unknown',
    message: text(data.message) ?? '',
    code: text(data.code),
    email: text(data.email),
    until: text(data.until),
    lost: data.lost === true,
    actions: LOCK_ACTIONS.filter(action => actions.includes(action))
  };
}
