/** Lengths of time in words. */

import type { TranslationBundle } from '@jupyterlab/translation';

/** As a clock that runs down: `4:12`, `1:04:12`; the last second is shown as long as it lasts. */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const pad = (value: number) => String(value).padStart(2, '0');
  const rest = pad(whole % 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** Roughly: `45 s`, `23 min`, `2 h 5 min`. */
export function roughly(seconds: number, trans: TranslationBundle): string {
  if (seconds < 60) {
    return trans.__('%1 s', Math.max(0, Math.round(seconds)));
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) {
    return trans.__('%1 min', minutes);
  }
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return rest === 0 ? trans.__('%1 h', hours) : trans.__('%1 h %2 min', hours, rest);
}
