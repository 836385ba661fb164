/** What can be decided about a conflict, and when a person is asked. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Resolution } from '../restapi';
import { INotebookStatus, isConflict } from '../status';

export interface IChoice {
  readonly resolution: Resolution;
  readonly label: string;
  /** What becomes of both versions. */
  readonly explanation: string;
  /** Whether the workspace no longer shows the other version afterwards. */
  readonly replaces: boolean;
  /** Whether it is the one that most people want. */
  readonly isMain: boolean;
}

/** What can be done about a conflict. */
export interface ISituation {
  /** The other version was deleted. */
  readonly isDeleted: boolean;
  /** Both versions can be shown, so a merge can be put together. */
  readonly canMerge: boolean;
}

/** The ways out, the most careful first. */
export function choices(situation: ISituation, trans: TranslationBundle): IChoice[] {
  return situation.isDeleted ? choicesAfterDeletion(trans) : choicesBetweenVersions(situation.canMerge, trans);
}

function choicesBetweenVersions(canMerge: boolean, trans: TranslationBundle): IChoice[] {
  const keepBoth: IChoice = {
    isMain: !canMerge,
    resolution: 'keep-both',
    label: trans.__('Keep Both'),
    explanation: trans.__(
      'This notebook shows theirs; your version goes to the workspace as a new notebook beside it.'
    ),
    replaces: false
  };
  const takeTheirs: IChoice = {
    isMain: false,
    resolution: 'take-theirs',
    label: trans.__('Take Theirs'),
    explanation: trans.__('This notebook shows theirs; your version is kept in a file beside it, on this disk.'),
    replaces: false
  };
  const replaceTheirs: IChoice = {
    isMain: false,
    resolution: 'replace-theirs',
    label: trans.__('Replace Theirs'),
    explanation: trans.__('The workspace shows your version instead of theirs, for everybody.'),
    replaces: true
  };
  const merge: IChoice = {
    isMain: true,
    resolution: 'merge',
    label: trans.__('Merge'),
    explanation: trans.__(
      'What each of you changed goes together as the list below says, with your choice where you changed the same; your version is kept in a file beside it, on this disk.'
    ),
    replaces: false
  };
  return [keepBoth, takeTheirs, replaceTheirs, ...(canMerge ? [merge] : [])];
}

function choicesAfterDeletion(trans: TranslationBundle): IChoice[] {
  return [
    {
      resolution: 'replace-theirs',
      label: trans.__('Put It Back'),
      explanation: trans.__('Your version goes to the workspace under its name again.'),
      replaces: false,
      isMain: true
    },
    {
      resolution: 'take-theirs',
      label: trans.__('Leave It Deleted'),
      explanation: trans.__(
        'The notebook goes away here, too; your version is kept in a file beside it, on this disk.'
      ),
      replaces: false,
      isMain: false
    }
  ];
}

/** Remembers whether a person was asked about a conflict: once, until it is over. */
export class ConflictPrompt {
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
