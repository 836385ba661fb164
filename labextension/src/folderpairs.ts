/** From edit to playground and back, by paths. */

/** The other folder's path of notebooks that nobody has opened, learned from those of others: folders may have any name. */
export class FolderPairs {
  /** Learn from a notebook's two paths. */
  learn(editPath: string | null, playgroundPath: string | null): void {
    if (editPath === null || playgroundPath === null) {
      return;
    }
    const [edit, playground] = [editPath.split('/'), playgroundPath.split('/')];
    while (edit.length > 0 && edit[edit.length - 1] === playground[playground.length - 1]) {
      edit.pop();
      playground.pop();
    }
    this._pairs.set(edit.join('/'), playground.join('/'));
  }

  /**
   * The playground path of a notebook in an edit folder.
   *
   * @returns null when nothing was learned of this folder.
   */
  toPlayground(editPath: string): string | null {
    return moved(editPath, this._pairs);
  }

  /** The same, the other way. */
  toEdit(playgroundPath: string): string | null {
    return moved(
      playgroundPath,
      [...this._pairs].map(([edit, playground]) => [playground, edit])
    );
  }

  private readonly _pairs = new Map<string, string>();
}

function moved(path: string, folders: Iterable<readonly string[]>): string | null {
  for (const [from, to] of folders) {
    if (path.startsWith(`${from}/`)) {
      return to + path.slice(from.length);
    }
  }
  return null;
}
