/** What can be decided about a conflict, and when a person is asked. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Resolution } from './restapi';
import { INotebookStatus, isConflict } from './status';

export interface IChoice {
  readonly resolution: Resolution;
  readonly label: string;
  /** What becomes of both versions. */
  readonly explanation: string;
  /** Whether the workspace no longer shows the other version afterwards. */
  readonly replaces: boolean;
}

/** What a server can do about a conflict. */
export interface IAbilities {
  /** The other version was deleted. */
  readonly deleted: boolean;
  readonly canMerge: boolean;
  readonly canReplace: boolean;
}

/** The ways out, the most careful first. */
export function choices({ deleted, canMerge, canReplace }: IAbilities, trans: TranslationBundle): IChoice[] {
  const keepBoth: IChoice = {
    resolution: 'keep-both',
    label: trans.__('Keep Both'),
    explanation: deleted
      ? trans.__('Your version goes to the workspace under a new name.')
      : trans.__('This notebook shows theirs; your version goes to the workspace under a new name.'),
    replaces: false
  };
  const replace: IChoice = {
    resolution: 'replace-theirs',
    label: deleted ? trans.__('Put It Back') : trans.__('Replace Theirs'),
    explanation: deleted
      ? trans.__('Your version goes to the workspace under its old name.')
      : trans.__('The workspace shows your version instead of theirs.'),
    replaces: !deleted
  };
  const takeTheirs: IChoice = {
    resolution: 'take-theirs',
    label: trans.__('Take Theirs'),
    explanation: trans.__('This notebook shows theirs; your version is kept in a file beside it.'),
    replaces: false
  };
  const merge: IChoice = {
    resolution: 'merge',
    label: trans.__('Merge'),
    explanation: trans.__('Both changes become one version, in the workspace: they do not touch the same places.'),
    replaces: false
  };
  return [
    keepBoth,
    ...(deleted ? [] : [takeTheirs]),
    ...(canReplace ? [replace] : []),
    ...(canMerge && !deleted ? [merge] : [])
  ];
}

/** Remembers whether a person was asked about a conflict: once, until it is over. */
export class Episode {
  /** Take note of a status. */
  note(status: INotebookStatus): void {
    this._conflict = isConflict(status);
    if (status.place === 'in-workspace') {
      this._asked = false;
    }
  }

  /** Whether the person should be asked now by itself. */
  get isDue(): boolean {
    return this._conflict && !this._asked;
  }

  noteAsked(): void {
    this._asked = true;
  }

  private _conflict = false;
  private _asked = false;
}
