/** The marks of files in a folder: from its listing, and from later events. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Mark, markOf } from './status';
import type { IconName } from './views';

export class Marks {
  /** Take note of an event about a file. */
  note(path: string, terra: unknown): boolean {
    const mark = markOf(terra);
    const isNew = this._told.get(path) !== mark;
    this._told.set(path, mark);
    return isNew;
  }

  /**
   * The mark of a folder's entry.
   *
   * @param entry - its model; the listing says something of itself where there is something to say.
   */
  of(entry: { readonly path: string; readonly terra?: unknown }): Mark | null {
    const told = this._told.get(entry.path);
    return told === undefined ? markOf(entry.terra) : told;
  }

  /** A listing has come: it knows more than what was told before. */
  listed(entries: Iterable<{ readonly path: string; readonly terra?: unknown }>): void {
    for (const entry of entries) {
      if (entry.terra !== undefined) {
        this._told.delete(entry.path);
      }
    }
  }

  private readonly _told = new Map<string, Mark | null>();
}

/** What a mark looks like and says. */
export function markView(mark: Mark, trans: TranslationBundle): { icon: IconName; sentence: string } {
  switch (mark) {
    case 'conflict':
      return { icon: 'alert', sentence: trans.__('Conflict: it was changed in the workspace, too.') };
    case 'locked':
      return { icon: 'lock', sentence: trans.__('Another person is editing it.') };
    case 'not-in-workspace':
      return { icon: 'upload', sentence: trans.__('Not in the workspace yet.') };
    case 'this-disk':
      return { icon: 'disk', sentence: trans.__('On this disk only: no one else sees it.') };
  }
}
