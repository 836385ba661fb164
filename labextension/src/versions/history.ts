/** Earlier versions of a notebook: what the server knows of them, checked, and their words. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { isFields, text } from '../validate';
import { INow, ago, moment } from '../when';

/** `soft-deleted` versions cannot be read before they are restored. */
export type VersionState = 'live' | 'noncurrent' | 'soft-deleted';

export interface IVersion {
  /** Names it; longer than a number can hold. */
  readonly generation: string;
  readonly state: VersionState;
  /** ISO 8601, UTC. */
  readonly savedAt: string;
  /** ISO 8601, UTC; null: it is not known. */
  readonly keptUntil: string | null;
  readonly sizeBytes: number;
  readonly isReadable: boolean;
  /** E-mail address of who saved it; null: it is not known. */
  readonly email: string | null;
}

export interface IHistory {
  /** Newest first. */
  readonly versions: readonly IVersion[];
  /** When Jupyter's own checkpoints on this disk were made. */
  readonly checkpoints: readonly string[];
  /** What an owner of the bucket has to do, if it keeps nothing. */
  readonly hint: string | null;
}

const STATES: readonly string[] = ['live', 'noncurrent', 'soft-deleted'];

/**
 * Read an answer of `versions`.
 *
 * @returns null when it is none.
 */
export function parseHistory(data: unknown): IHistory | null {
  if (!isFields(data) || !Array.isArray(data.versions)) {
    return null;
  }
  const checkpoints = Array.isArray(data.checkpoints) ? data.checkpoints.filter(isFields) : [];
  return {
    versions: data.versions.map(parseVersion).filter((version): version is IVersion => version !== null),
    checkpoints: checkpoints.map(one => text(one.saved_at)).filter((time): time is string => time !== null),
    hint: text(data.hint)
  };
}

function parseVersion(data: unknown): IVersion | null {
  if (!isFields(data) || typeof data.generation !== 'string' || typeof data.saved_at !== 'string') {
    return null;
  }
  const state = text(data.state) ?? '';
  return {
    generation: data.generation,
    state: STATES.includes(state) ? (state as VersionState) : 'noncurrent',
    savedAt: data.saved_at,
    keptUntil: text(data.kept_until),
    sizeBytes: typeof data.size_bytes === 'number' ? data.size_bytes : 0,
    isReadable: data.readable === true,
    email: text(data.email)
  };
}

/** When a version was saved, and by whom. */
export function savedInWords(version: IVersion, now: INow, trans: TranslationBundle): string {
  const when = ago(version.savedAt, now, trans) ?? version.savedAt;
  const exactly = moment(version.savedAt, now) ?? version.savedAt;
  const time = when === exactly ? when : trans.__('%1 (%2)', when, exactly);
  return version.email === null ? time : trans.__('%1, by %2', time, version.email);
}

/** What a version is, and its size. */
export function kindInWords(version: IVersion, now: INow, trans: TranslationBundle): string {
  const size = sizeInWords(version.sizeBytes, now.locale);
  switch (version.state) {
    case 'live':
      return trans.__('The version of now, %1', size);
    case 'noncurrent':
      return trans.__('Kept by the bucket, %1', size);
    case 'soft-deleted': {
      const until = moment(version.keptUntil, now);
      return until === null
        ? trans.__('Can be restored, %1', size)
        : trans.__('Can be restored until %1, %2', until, size);
    }
  }
}

function sizeInWords(bytes: number, locale: string): string {
  const [unit, size] = bytes < 1e6 ? ['kilobyte', bytes / 1e3] : ['megabyte', bytes / 1e6];
  const digits = { maximumFractionDigits: size < 10 ? 1 : 0 };
  return new Intl.NumberFormat(locale, { style: 'unit', unit, ...digits }).format(size);
}
