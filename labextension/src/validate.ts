/** Checks of data whose type is unknown: answers of the server, page options, events. Pure. */

/** An object of JSON, with any fields. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(data: unknown): data is Fields {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

/** The value if it is one of the known ones; otherwise null. */
export function oneOf<T extends string>(known: readonly T[], value: unknown): T | null {
  return known.find(item => item === value) ?? null;
}

/** The value if it is a string that is not empty; otherwise null. */
export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
