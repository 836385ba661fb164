/** What distinguishes the tabs of one notebook: a word behind its name, and an icon. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { INotebookStatus } from './status';
import { ITabState, IconName, isReadOnly } from './views';

export interface ITitle {
  /** With the word behind the name. */
  readonly label: string;
  /** The word alone; empty: none is needed. */
  readonly suffix: string;
  /** Null: JupyterLab's own icon of notebooks. */
  readonly icon: IconName | null;
}

/**
 * The title of a notebook's tab.
 *
 * @param name - the file's name.
 * @param status - null: it is in no workspace.
 */
export function titleOf(
  name: string,
  status: INotebookStatus | null,
  tab: ITabState,
  trans: TranslationBundle
): ITitle {
  if (status?.mode === 'playground' && tab.otherTab === undefined) {
    return { label: trans.__('%1 (playground)', name), suffix: trans.__('(playground)'), icon: 'flask' };
  }
  if (status !== null && isReadOnly(status, tab)) {
    return { label: trans.__('%1 (read-only)', name), suffix: trans.__('(read-only)'), icon: 'lock' };
  }
  return { label: name, suffix: '', icon: null };
}

/** The title of a preview's tab. */
export function titleOfPreview(name: string, trans: TranslationBundle): ITitle {
  return { label: trans.__('%1 (preview)', name), suffix: trans.__('(preview)'), icon: 'eye' };
}
