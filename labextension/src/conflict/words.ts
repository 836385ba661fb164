/** What is said about the versions of a notebook in conflict. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Act, Choice, IRow } from './threeway';

/** Theirs: who, and when. */
export function theirsHead(by: string | null, when: string | null, trans: TranslationBundle): string {
  if (by !== null) {
    return when === null
      ? trans.__('In the workspace, last edited by %1', by)
      : trans.__('In the workspace since %2, last edited by %1', by, when);
  }
  return when === null ? trans.__('In the workspace') : trans.__('In the workspace since %1', when);
}

export function mineHead(when: string | null, trans: TranslationBundle): string {
  return when === null ? trans.__('On this screen') : trans.__('On this screen, last saved here %1', when);
}

/** Who did what to a cell. */
export function rowWords(row: IRow, trans: TranslationBundle): string {
  const { mineDid, theirsDid } = row;
  if (mineDid === 'unknown' || theirsDid === 'unknown') {
    return unknownWords(mineDid, theirsDid, trans);
  }
  if (mineDid === theirsDid && mineDid !== 'unchanged' && mineDid !== 'none') {
    return mineDid === 'added' ? trans.__('added by both of you') : trans.__('changed by both of you');
  }
  const words = [byYou(mineDid, trans), byThem(theirsDid, trans)].filter(word => word !== null);
  return words.length === 0 ? trans.__('unchanged') : words.join('; ');
}

function unknownWords(mine: Act, theirs: Act, trans: TranslationBundle): string {
  if (mine === 'none') {
    return trans.__('only in theirs');
  }
  return theirs === 'none' ? trans.__('only in yours') : trans.__('different');
}

function byYou(act: Act, trans: TranslationBundle): string | null {
  switch (act) {
    case 'added':
      return trans.__('added by you');
    case 'changed':
      return trans.__('changed by you');
    case 'deleted':
      return trans.__('deleted by you');
    default:
      return null;
  }
}

function byThem(act: Act, trans: TranslationBundle): string | null {
  switch (act) {
    case 'added':
      return trans.__('added by them');
    case 'changed':
      return trans.__('changed by them');
    case 'deleted':
      return trans.__('deleted by them');
    default:
      return null;
  }
}

/** What a choice does with a cell. */
export function optionLabel(row: IRow, choice: Choice, trans: TranslationBundle): string {
  if (choice === 'both') {
    return trans.__('Both changes');
  }
  const [cell, other] = choice === 'mine' ? [row.mine, row.theirs] : [row.theirs, row.mine];
  if (cell === null) {
    return choice === 'mine' ? trans.__('Yours: leave it out') : trans.__('Theirs: leave it out');
  }
  if (other === null) {
    return choice === 'mine' ? trans.__('Yours: keep it') : trans.__('Theirs: keep it');
  }
  return choice === 'mine' ? trans.__('Yours') : trans.__('Theirs');
}

/** What a version without the cell says in its place. */
export function emptyWords(did: Act, side: 'base' | 'mine' | 'theirs', trans: TranslationBundle): string {
  if (did === 'deleted') {
    return side === 'mine' ? trans.__('Deleted by you') : trans.__('Deleted by them');
  }
  return side === 'base' ? trans.__('Not there yet') : trans.__('Not there');
}

/** What *Merge* waits for; null: it can be pressed. */
export function mergeWaits(open: number, trans: TranslationBundle): string | null {
  if (open === 0) {
    return null;
  }
  return open === 1
    ? trans.__('Merge waits for your choice about 1 cell.')
    : trans.__('Merge waits for your choice about %1 cells.', open);
}

export interface IWhyNoMerge {
  readonly isDeleted: boolean;
  readonly isTooLarge: boolean;
  readonly hasTheirs: boolean;
}

/** Why there is no *Merge*; null: there is one. */
export function whyNoMerge({ isDeleted, isTooLarge, hasTheirs }: IWhyNoMerge, trans: TranslationBundle): string | null {
  if (isDeleted) {
    return trans.__('There is no Merge: the workspace has no version to merge with.');
  }
  if (isTooLarge) {
    return trans.__('There is no Merge: the versions are too large to be shown side by side.');
  }
  return hasTheirs
    ? null
    : trans.__('There is no Merge: the version in the workspace is not a notebook that can be read.');
}

/** What is to be known about where the versions come from and how they go together. */
export function mergeNotes(
  hasBase: boolean,
  moved: 'mine' | 'theirs' | 'both' | null,
  trans: TranslationBundle
): string[] {
  const notes: string[] = [];
  if (!hasBase) {
    notes.push(
      trans.__(
        'What both versions began with is no longer on this disk: who changed what cannot be said, and you choose about every cell that differs.'
      )
    );
  }
  if (hasBase && moved === 'both') {
    notes.push(trans.__('Both of you moved cells: Merge keeps your order.'));
  } else if (hasBase && moved !== null) {
    notes.push(
      moved === 'mine' ? trans.__('You moved cells.') : trans.__('They moved cells: Merge keeps their order.')
    );
  }
  return notes;
}
