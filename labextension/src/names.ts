/** Names for copies: never one that is taken. */

/** The folder of an API path, with its slash; empty at the root. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Names to try for a copy, in order: `a (copy).ipynb`, `a (copy 2).ipynb`, …
 *
 * @param path - what is copied.
 * @param label - what is in the brackets.
 */
export function* namesForCopy(path: string, label: string): Generator<string> {
  const name = nameOf(path);
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  for (let number = 1; number < 1000; number++) {
    yield `${folderOf(path)}${stem} (${number === 1 ? label : `${label} ${number}`})${extension}`;
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
