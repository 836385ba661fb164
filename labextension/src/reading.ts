/** What a reader is shown: who edits, whether there is a newer version, what became of the notebook. Pure. */

import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { present } from './present';
import type { INotebookStatus } from './status';
import type { BannerAction, IBanner, ITabState, IView } from './views';
import { ago } from './when';

/** Why a working copy is kept from the workspace: only a person can help. */
const BROKEN = ['unreadable', 'emptied', 'unmerged', 'too-demanding'];
const UNFIT = [...BROKEN, 'still-being-written', 'no-access', 'not-checked', 'written-by-program'];

/** Whether the workspace has a newer version than the one a read-only view shows. */
export function isOutdated({ workspaceVersion }: INotebookStatus, { shownVersion }: ITabState): boolean {
  return workspaceVersion !== null && shownVersion != null && workspaceVersion !== shownVersion;
}

/** Whether a read-only view can show the newer version by itself: it holds nothing of its own. */
export function isToFollow(status: INotebookStatus, tab: ITabState): boolean {
  // Elsewhere than in the workspace it is this person's own work: that stays on the screen.
  const isWorkspaces = status.place === 'in-workspace' && status.gone === null;
  return isOutdated(status, tab) && isWorkspaces && !hasOwnChanges(tab) && !tab.dirty;
}

/** Whether a view holds what no file holds: edits, or outputs of cells that were run in it. */
export function hasOwnChanges({ ownChanges }: ITabState): boolean {
  return ownChanges === 'edits' || ownChanges === 'outputs';
}

/** Where what a read-only view shows is; null: there is nothing to say that other views do not say. */
export function readerPlace(status: INotebookStatus, tab: ITabState, trans: TranslationBundle): IView | null {
  if (tab.ownChanges === 'outputs') {
    return {
      icon: 'dot',
      text: trans.__('Not saved'),
      sentence: trans.__('Outputs of cells that you ran in this read-only view are not saved.'),
      tone: 'plain'
    };
  }
  if (tab.dirty || hasOwnChanges(tab)) {
    return {
      icon: 'alert',
      text: trans.__('Not saved'),
      sentence: trans.__('This view is read-only: what you changed in it is only in this tab. Make a copy to keep it.'),
      tone: 'warn'
    };
  }
  if (isOutdated(status, tab)) {
    return { icon: 'clock', text: trans.__('Newer version'), sentence: newerVersion(status, trans), tone: 'warn' };
  }
  return null;
}

/** What became of a notebook that is not in the workspace any more. */
export function goneView({ gone, path }: INotebookStatus, trans: TranslationBundle): IView | null {
  if (gone === null) {
    return null;
  }
  const name = PathExt.basename(path);
  const view = (text: string, sentence: string): IView => ({ icon: 'alert', text, sentence, tone: 'bad' });
  if (gone.path !== null) {
    const to = shortest(path, gone.path);
    return view(trans.__('Renamed'), trans.__('“%1” was renamed to “%2”. This is your last view of it.', name, to));
  }
  return gone.how === 'deleted'
    ? view(trans.__('Deleted'), trans.__('“%1” was deleted in the workspace. This is your last view of it.', name))
    : view(
        trans.__('Moved or deleted'),
        trans.__(
          '“%1” was moved or deleted in the workspace; it is not known which. This is your last view of it.',
          name
        )
      );
}

/** The banner over a notebook that is not in the workspace any more. */
export function goneBanner(status: INotebookStatus, trans: TranslationBundle): IBanner | null {
  const view = goneView(status, trans);
  const actions: BannerAction[] = status.gone?.path == null ? ['copy'] : ['open-renamed', 'copy'];
  return view === null ? null : { tone: view.tone, icon: view.icon, sentence: view.sentence, actions };
}

/** The banner over a notebook whose last save failed; the server's sentence says why. */
export function failedBanner({ saveError }: ITabState, trans: TranslationBundle): IBanner | null {
  if (saveError == null) {
    return null;
  }
  const why = saveError === '' ? '' : `${saveError.replace(/([^.!?])$/, '$1.')} `;
  return {
    tone: 'bad',
    icon: 'alert',
    sentence: trans.__('Not saved. %1Your latest edits are only in this tab: keep it open.', why),
    actions: ['save-again']
  };
}

/** Whether the copy on this disk is broken, so that only a person can help. */
export function isBroken({ place, reason }: INotebookStatus): boolean {
  return place === 'on-disk' && BROKEN.includes(reason ?? '');
}

/** The banner over a notebook of which this disk has a broken version. */
export function unfitBanner(status: INotebookStatus): IBanner | null {
  if (status.place !== 'on-disk' || !UNFIT.includes(status.reason ?? '')) {
    return null;
  }
  const actions: BannerAction[] = isBroken(status) ? ['show-workspace-version'] : [];
  return { tone: 'warn', icon: 'alert', sentence: status.message, actions };
}

/** A banner with what there is to say of a newer version. */
export function withNewerVersion(
  banner: IBanner,
  status: INotebookStatus,
  tab: ITabState,
  trans: TranslationBundle
): IBanner {
  if (!isOutdated(status, tab) || !(hasOwnChanges(tab) || tab.dirty)) {
    return banner; // it is shown by itself
  }
  return {
    ...banner,
    sentence: trans.__('%1 There is a newer version than this one.', banner.sentence),
    actions: ['show-newer', ...banner.actions]
  };
}

/** Who is editing, and when it was last saved. */
export function editing(who: string, status: INotebookStatus, trans: TranslationBundle): string {
  const saved = ago(status.workspaceSavedAt, present(), trans);
  return saved === null
    ? trans.__('Read-only: %1 is editing.', who)
    : trans.__('Read-only: %1 is editing (last saved %2).', who, saved);
}

function newerVersion({ workspaceSavedAt }: INotebookStatus, trans: TranslationBundle): string {
  const saved = ago(workspaceSavedAt, present(), trans);
  return saved === null
    ? trans.__('There is a newer version than this one.')
    : trans.__('There is a newer version than this one, saved %1.', saved);
}

/** A path, shortened to its name if it is in the same folder as the one that is looked at. */
function shortest(from: string, to: string): string {
  return PathExt.dirname(from) === PathExt.dirname(to) ? PathExt.basename(to) : to;
}
