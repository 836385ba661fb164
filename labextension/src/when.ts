/** Moments in words, in the language of JupyterLab: "2 min ago", with the date when it is not today. Pure. */

import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';

/** The present, and the language that moments are written in. */
export interface INow {
  /** Since 1970, as `Date.now()`. */
  readonly ms: number;
  /** BCP 47, such as `de-DE`. */
  readonly locale: string;
}

/** "2 min ago" is true for as long. */
export const MINUTES_PASS_MS = 20_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Clocks of two machines differ: what lies so little ahead is now. */
const AHEAD_MS = 5 * MINUTE_MS;
const JUST_NOW_MS = 45_000;

/** JupyterLab's language as a BCP 47 tag: it writes `de_DE`, and `default` where none is chosen. */
export function localeOf(translator: Pick<ITranslator, 'languageCode'> | null): string {
  const tag = (translator?.languageCode ?? '').replace(/_/g, '-');
  try {
    return tag === '' || tag === 'default' ? 'en' : (Intl.getCanonicalLocales(tag)[0] ?? 'en');
  } catch {
    return 'en';
  }
}

/**
 * How long ago something was: `just now`, `2 min ago`, `3 h ago`; with the date when that was not today.
 *
 * @param iso - ISO 8601.
 * @returns null when it is no moment.
 */
export function ago(iso: string | null, now: INow, trans: TranslationBundle): string | null {
  const time = parsed(iso);
  if (time === null) {
    return null;
  }
  const passed = now.ms - time;
  if (passed < -AHEAD_MS) {
    return moment(iso, now);
  }
  if (passed < JUST_NOW_MS) {
    return trans.__('just now');
  }
  if (passed < HOUR_MS - MINUTE_MS / 2) {
    return trans.__('%1 min ago', Math.max(1, Math.round(passed / MINUTE_MS)));
  }
  return isSameDay(time, now.ms) ? trans.__('%1 h ago', Math.round(passed / HOUR_MS)) : moment(iso, now);
}

/**
 * A moment in the person's own time zone: hours and minutes, with the date when it is not today, with the year when it
 * is another one.
 *
 * @returns null when it is no moment.
 */
export function moment(iso: string | null, now: INow): string | null {
  const time = parsed(iso);
  if (time === null) {
    return null;
  }
  const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  const day: Intl.DateTimeFormatOptions = isSameDay(time, now.ms) ? {} : { day: 'numeric', month: 'short' };
  const year: Intl.DateTimeFormatOptions = isSameYear(time, now.ms) ? {} : { year: 'numeric' };
  return new Intl.DateTimeFormat(now.locale, { ...year, ...day, ...clock }).format(time);
}

function parsed(iso: string | null): number | null {
  const time = iso === null ? Number.NaN : Date.parse(iso);
  return Number.isNaN(time) ? null : time;
}

function isSameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

function isSameYear(one: number, other: number): boolean {
  return new Date(one).getFullYear() === new Date(other).getFullYear();
}
