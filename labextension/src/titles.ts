/** What tells tabs of one notebook apart: a word behind its name, and an icon. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { INotebookStatus } from './status';
import { ITabState, IconName, isReadOnly } from './views';

export interface ITitle {
  readonly label: string;
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
  if (status?.mode === 'playground') {
    return { label: trans.__('%1 (playground)', name), icon: 'flask' };
  }
  if (status !== null && isReadOnly(status, tab)) {
    return { label: trans.__('%1 (read-only)', name), icon: 'lock' };
  }
  return { label: name, icon: null };
}

/** The title of a preview's tab. */
export function titleOfPreview(name: string, trans: TranslationBundle): ITitle {
  return { label: trans.__('%1 (preview)', name), icon: 'eye' };
}
