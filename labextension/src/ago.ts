/** How long ago something was, in words. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * How long ago a moment is; with its date when it is long ago.
 *
 * @param iso - ISO 8601.
 * @param now - milliseconds since 1970.
 * @returns null when it is no moment.
 */
export function ago(iso: string | null, trans: TranslationBundle, now: number = Date.now()): string | null {
  const time = iso === null ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(time)) {
    return null;
  }
  const passed = now - time;
  if (passed < MINUTE_MS) {
    return trans.__('just now');
  }
  if (passed < HOUR_MS) {
    return trans.__('%1 min ago', Math.floor(passed / MINUTE_MS));
  }
  if (passed < DAY_MS) {
    return trans.__('%1 h ago', Math.floor(passed / HOUR_MS));
  }
  return trans.__('on %1', new Date(time).toLocaleDateString([], { day: 'numeric', month: 'short', year: 'numeric' }));
}
