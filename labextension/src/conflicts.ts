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

/** What the server tells about a conflict. */
export interface ISituation {
  /** The other version was deleted. */
  readonly isDeleted: boolean;
  readonly canMerge: boolean;
}

/** The ways out, the most careful first. */
export function choices(situation: ISituation, trans: TranslationBundle): IChoice[] {
  return situation.isDeleted ? choicesAfterDeletion(trans) : choicesBetweenVersions(situation.canMerge, trans);
}

function choicesBetweenVersions(canMerge: boolean, trans: TranslationBundle): IChoice[] {
  const keepBoth: IChoice = {
    resolution: 'keep-both',
    label: trans.__('Keep Both'),
    explanation: trans.__('This notebook shows theirs; your version goes to the workspace under a new name.'),
    replaces: false
  };
  const takeTheirs: IChoice = {
    resolution: 'take-theirs',
    label: trans.__('Take Theirs'),
    explanation: trans.__('This notebook shows theirs; your version is kept in a file beside it, on this disk.'),
    replaces: false
  };
  const replaceTheirs: IChoice = {
    resolution: 'replace-theirs',
    label: trans.__('Replace Theirs'),
    explanation: trans.__('The workspace shows your version instead of theirs.'),
    replaces: true
  };
  const merge: IChoice = {
    resolution: 'merge',
    label: trans.__('Merge'),
    explanation: trans.__('Both changes become one version, in the workspace: they do not touch the same places.'),
    replaces: false
  };
  return [keepBoth, takeTheirs, replaceTheirs, ...(canMerge ? [merge] : [])];
}

function choicesAfterDeletion(trans: TranslationBundle): IChoice[] {
  return [
    {
      resolution: 'replace-theirs',
      label: trans.__('Put It Back'),
      explanation: trans.__('Your version goes to the workspace under its old name.'),
      replaces: false
    },
    {
      resolution: 'take-theirs',
      label: trans.__('Leave It Deleted'),
      explanation: trans.__('The notebook goes away here, too; your version is kept in a file beside it, on this disk.'),
      replaces: false
    }
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
