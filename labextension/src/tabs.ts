/** Several tabs of one notebook: which of them edits. Protocol: docs/protocol/tabs.md. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { INotebookStatus, isHeldElsewhere } from './status';
import type { IBanner, ITabState } from './views';
import { isFields } from './validate';

/** The part of a presence socket's frame that is about tabs. */
export interface ITabs {
  /** This one edits. */
  readonly edits: boolean;
  /** None does. */
  readonly free: boolean;
  /** This one edits, and another asks to do so. */
  readonly asked: boolean;
  /** This one has asked, and the other cannot save. */
  readonly refused: boolean;
  /** This one edits, and is looked for. */
  readonly show: boolean;
}

/** What a tab sends. */
export type TabAction = 'edit-here' | 'give-up' | 'keep' | 'show-editor';

/**
 * Read the part of a frame that is about tabs.
 *
 * @returns null if there is none: the server is older.
 */
export function parseTabs(frame: unknown): ITabs | null {
  if (!isFields(frame) || !isFields(frame.tabs)) {
    return null;
  }
  const { edits, free, asked, refused, show } = frame.tabs;
  return {
    edits: edits === true,
    free: free === true,
    asked: asked === true,
    refused: refused === true,
    show: show === true
  };
}

/** What the banner of a tab says that does not edit because another does; null: it is no such tab. */
export function secondTabBanner(status: INotebookStatus, tab: ITabState, trans: TranslationBundle): IBanner | null {
  if (tab.otherTab === undefined || isHeldElsewhere(status)) {
    return null;
  }
  const sentences = [secondTabSentence(tab, trans)];
  if (tab.dirty) {
    sentences.push(trans.__('What was changed here and not saved is only on this screen: a copy keeps it.'));
  }
  return {
    tone: 'warn',
    icon: 'tabs',
    sentence: sentences.join(' '),
    actions: tab.otherTab === 'edits' ? ['edit-here', 'first-tab', 'copy'] : ['edit-here', 'copy']
  };
}

/** Why such a tab is read-only. */
export function secondTabSentence(tab: ITabState, trans: TranslationBundle): string {
  return tab.otherTab === 'edits'
    ? trans.__('Read-only here: you have this notebook open in another tab or window, which edits it.')
    : trans.__('Read-only here: the tab that edited this notebook was closed.');
}
