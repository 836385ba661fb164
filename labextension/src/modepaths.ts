/** From edit to playground and back, by paths. Pure. */

/** The folders of a workspace: edit, and playground; null: it has none. */
export type FolderPair = readonly [edit: string, playground: string | null];

/** Which of a workspace's folders a notebook is in, and where it is in the other one. Folders may have any name. */
export class ModePaths {
  constructor(private readonly _pairs: readonly FolderPair[]) {}

  /** Null: it is in no workspace. */
  modeOf(path: string): 'edit' | 'playground' | null {
    const found = this._find(path);
    return found === null ? null : found.isEdit ? 'edit' : 'playground';
  }

  /**
   * The playground path of a notebook in an edit folder.
   *
   * @returns null when it is in none, or there is no playground.
   */
  toPlayground(path: string): string | null {
    const found = this._find(path);
    return found?.isEdit === true && found.other !== null ? joined(found.other, found.rest) : null;
  }

  /** The same, the other way. */
  toEdit(path: string): string | null {
    const found = this._find(path);
    return found?.isEdit === false && found.other !== null ? joined(found.other, found.rest) : null;
  }

  private _find(path: string): IFound | null {
    const candidates = this._pairs.flatMap(([edit, playground]): IFound[] => [
      { folder: edit, other: playground, isEdit: true, rest: restOf(path, edit) },
      ...(playground === null
        ? []
        : [{ folder: playground, other: edit, isEdit: false, rest: restOf(path, playground) }])
    ]);
    // One folder may be inside of another: the innermost counts.
    const found = candidates.filter(({ rest }) => rest !== null);
    return found.reduce<IFound | null>(
      (best, next) => (best === null || next.folder.length > best.folder.length ? next : best),
      null
    );
  }
}

interface IFound {
  readonly folder: string;
  readonly other: string | null;
  readonly isEdit: boolean;
  readonly rest: string | null;
}

function restOf(path: string, folder: string): string | null {
  return folder === '' ? path : path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : null;
}

function joined(folder: string, rest: string | null): string {
  return folder === '' ? (rest ?? '') : `${folder}/${rest ?? ''}`;
}
