/** Names for copies: never one that is taken. */

import { PathExt } from '@jupyterlab/coreutils';

/**
 * Names to try for a copy, in order: `a (copy).ipynb`, `a (copy 2).ipynb`, …
 *
 * @param path - what is copied.
 * @param label - what is in the brackets.
 */
export function* namesForCopy(path: string, label: string): Generator<string> {
  const extension = PathExt.extname(path);
  const stem = PathExt.basename(path, extension);
  for (let number = 1; number < 1000; number++) {
    const name = `${stem} (${number === 1 ? label : `${label} ${number}`})${extension}`;
    yield PathExt.join(PathExt.dirname(path), name);
  }
}

/**
 * The first name that nothing has yet.
 *
 * @param exists - whether there is such a file.
 * @throws when a thousand are taken.
 */
export async function firstFree(names: Iterable<string>, exists: (path: string) => Promise<boolean>): Promise<string> {
  for (const name of names) {
    if (!(await exists(name))) {
      return name;
    }
  }
  throw new Error('All names for a copy are taken.');
}
