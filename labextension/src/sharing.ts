/** Who shares what: where a file is, and what a deletion removes for whom. Pure: answers, checked, and their words. */

import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { isFields, text } from './validate';

/** Where one file is. */
export interface IWhereabouts {
  readonly workspace: string;
  /** `gs://…`; null: it stays on this disk. */
  readonly uri: string | null;
  /** Null: this disk has no copy. */
  readonly diskPath: string | null;
  /** ISO 8601, UTC: when the bucket was last given its content. */
  readonly updated: string | null;
  /** E-mail address; null: not known. */
  readonly lastEditor: string | null;
  readonly isInWorkspace: boolean;
  /** Why the workspace could not be asked. */
  readonly trouble: string | null;
}

export interface INames {
  readonly count: number;
  /** Not more than a dialog can show. */
  readonly names: readonly string[];
}

export interface IHeld {
  readonly path: string;
  readonly email: string | null;
  readonly bySamePerson: boolean;
}

/** What deleting one file or folder would remove. */
export interface IRemoval {
  readonly path: string;
  readonly workspace: string;
  readonly isFolder: boolean;
  readonly shared: INames;
  readonly onDiskOnly: INames;
  readonly hidden: INames;
  readonly held: readonly IHeld[];
  readonly trouble: string | null;
}

/**
 * Read an answer of `whereabouts`.
 *
 * @returns null when it is none.
 */
export function parseWhereabouts(data: unknown): IWhereabouts | null {
  if (!isFields(data) || typeof data.workspace !== 'string') {
    return null;
  }
  return {
    workspace: data.workspace,
    uri: text(data.uri),
    diskPath: text(data.disk_path),
    updated: text(data.updated),
    lastEditor: text(data.last_editor),
    isInWorkspace: data.is_in_workspace === true,
    trouble: text(data.message)
  };
}

/**
 * Read an answer of `removal`.
 *
 * @returns null when the file is in no workspace, or it is none.
 */
export function parseRemoval(data: unknown): IRemoval | null {
  if (!isFields(data) || typeof data.workspace !== 'string' || typeof data.path !== 'string') {
    return null;
  }
  const held = Array.isArray(data.held) ? data.held.filter(isFields) : [];
  return {
    path: data.path,
    workspace: data.workspace,
    isFolder: data.is_folder === true,
    shared: names(data.shared),
    onDiskOnly: names(data.on_disk_only),
    hidden: names(data.hidden),
    held: held.map(item => ({
      path: text(item.path) ?? '',
      email: text(item.email),
      bySamePerson: item.by_same_person === true
    })),
    trouble: text(data.message)
  };
}

/** What is asked before a deletion. */
export interface IDeletionView {
  readonly title: string;
  readonly sentences: readonly string[];
  /** The words of the button; null: it would be refused, and the sentences say why. */
  readonly button: string | null;
}

/**
 * What a person is asked before something is deleted.
 *
 * @param toTrash - whether files of this disk go to a trash.
 */
export function deletionView(removals: readonly IRemoval[], toTrash: boolean, trans: TranslationBundle): IDeletionView {
  const isShared = removals.some(({ shared }) => shared.count > 0);
  const isRefused = removals.some(({ hidden, held }) => hidden.count > 0 || held.length > 0);
  const workspaces = [...new Set(removals.map(({ workspace }) => workspace))].join(', ');
  const name = whatIsDeleted(removals, trans);
  return {
    title: isShared ? trans.__('Delete %1 for everybody in “%2”?', name, workspaces) : trans.__('Delete %1?', name),
    sentences: [
      ...removals.flatMap(removal => whatItTakes(removal, trans)),
      ...(isRefused ? [] : [whatRemains(isShared, toTrash, trans)]),
      ...new Set(removals.flatMap(({ trouble }) => (trouble === null ? [] : [trouble])))
    ],
    button: isRefused ? null : buttonOf(isShared, toTrash, trans)
  };
}

function buttonOf(isShared: boolean, toTrash: boolean, trans: TranslationBundle): string {
  if (isShared) {
    return trans.__('Delete for Everybody');
  }
  return toTrash ? trans.__('Move to Trash') : trans.__('Delete from This Disk');
}

function whatIsDeleted(removals: readonly IRemoval[], trans: TranslationBundle): string {
  const [removal, ...others] = removals;
  if (removal === undefined || others.length > 0) {
    return trans.__('%1 items', removals.length);
  }
  const name = PathExt.basename(removal.path);
  return removal.isFolder ? trans.__('the folder “%1”', name) : trans.__('“%1”', name);
}

function whatItTakes(removal: IRemoval, trans: TranslationBundle): string[] {
  const { isFolder, shared, onDiskOnly, hidden, held, workspace } = removal;
  const sentences = held.map(({ path, email, bySamePerson }) =>
    bySamePerson
      ? trans.__('You are editing “%1” in another environment: close it there first.', PathExt.basename(path))
      : trans.__(
          '%2 is editing “%1”: it is not deleted meanwhile.',
          PathExt.basename(path),
          email ?? trans.__('Somebody else')
        )
  );
  if (hidden.count > 0) {
    const folder = PathExt.basename(removal.path);
    sentences.push(
      trans.__(
        '“%1” holds in the workspace what is not shown here (%2): it is not deleted whole.',
        folder,
        some(hidden, trans)
      )
    );
  }
  if (shared.count > 0) {
    sentences.push(
      isFolder
        ? trans.__('In the workspace “%1”, for everybody: %2.', workspace, some(shared, trans))
        : trans.__(
            '“%1” is in the workspace “%2”: no one there will have it any more.',
            shared.names[0] ?? '',
            workspace
          )
    );
  }
  if (onDiskOnly.count > 0) {
    sentences.push(trans.__('Only on this disk: %1.', some(onDiskOnly, trans)));
  }
  return sentences;
}

function whatRemains(isShared: boolean, toTrash: boolean, trans: TranslationBundle): string {
  if (!toTrash) {
    return trans.__('This cannot be undone here.');
  }
  return isShared
    ? trans.__('The copies on this disk go to the trash; those in the workspace do not.')
    : trans.__('What is on this disk goes to the trash.');
}

/** Up to three names, and how many more. */
function some({ count, names: listed }: INames, trans: TranslationBundle): string {
  const shown = listed.slice(0, 3).join(', ');
  const more = count - Math.min(3, listed.length);
  return more > 0 ? trans.__('%1 and %2 more', shown, more) : shown;
}

/** What is said once of files that were uploaded and stay on this disk; null: all are shared. */
export function uploadNotice(stays: readonly string[], trans: TranslationBundle): string | null {
  if (stays.length === 0) {
    return null;
  }
  return stays.length === 1
    ? trans.__(
        '“%1” stays on this disk: the workspace does not keep files of this name, and no one else sees it.',
        stays[0]
      )
    : trans.__(
        '%1 stay on this disk: the workspace does not keep files of these names, and no one else sees them.',
        some({ count: stays.length, names: stays }, trans)
      );
}

function names(data: unknown): INames {
  const listed = isFields(data) && Array.isArray(data.names) ? data.names : [];
  return {
    count: isFields(data) && typeof data.count === 'number' ? data.count : 0,
    names: listed.filter((name): name is string => typeof name === 'string')
  };
}
