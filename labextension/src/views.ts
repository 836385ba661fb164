/** What a person is shown: words, icon and tone. Pure: from status and what the tab knows itself. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { present } from './present';
import type { OwnChanges } from './ownchanges';
import { editing, failedBanner, goneBanner, goneView, readerPlace, unfitBanner, withNewerVersion } from './reading';
import { INotebookStatus, isConflict, isHeldElsewhere } from './status';
import { secondTabSentence } from './tabs';
import { moment } from './when';

/** `good`: in the workspace; `plain`: nothing to worry about; `warn`: not where it should be; `bad`: act. */
export type Tone = 'good' | 'plain' | 'warn' | 'bad';

export type IconName =
  | 'pencil'
  | 'flask'
  | 'lock'
  | 'dot'
  | 'disk'
  | 'upload'
  | 'check'
  | 'alert'
  | 'offline'
  | 'running'
  | 'clock'
  | 'pause'
  | 'eye'
  | 'tabs';

export interface IView {
  readonly icon: IconName;
  readonly text: string;
  /** A word or two, where there is little room; the text if there is none. */
  readonly short?: string;
  /** ISO 8601: since when; shown behind the text as far as there is room. */
  readonly at?: string | null;
  /** The same in one sentence. */
  readonly sentence: string;
  readonly tone: Tone;
}

export type Connection = 'open' | 'lost' | 'none';

/** What the tab knows without the server. */
export interface ITabState {
  readonly dirty: boolean;
  readonly saving: boolean;
  readonly saveFailed: boolean;
  /** Whether what is on the screen was opened to be read only. */
  readonly readOnly: boolean;
  readonly connection: Connection;
  /** What is on the screen of a read-only view and in no file. */
  readonly ownChanges?: OwnChanges;
  /** Which version is on the screen of a read-only view; null: it is not known. */
  readonly shownVersion?: string | null;
  /** Why the last save failed, as the server says; null: it did not fail. */
  readonly saveError?: string | null;
  /** Another tab of this person edits the notebook, or did until it was closed; then this one only reads. */
  readonly otherTab?: 'edits' | 'closed';
}

/** Whether edits on the screen have nowhere to go: another person is editing, or was when it was opened, or another tab is. */
export function isReadOnly(status: INotebookStatus, tab: ITabState): boolean {
  return tab.otherTab !== undefined || (status.mode === 'edit' && (!status.writable || tab.readOnly));
}

export type BannerAction =
  | 'playground'
  | 'preview'
  | 'copy'
  | 'copy-to-edit'
  | 'wait'
  | 'stop-waiting'
  | 'edit'
  | 'take-over'
  | 'resolve'
  | 'show-newer'
  | 'open-renamed'
  | 'save-again'
  | 'show-workspace-version'
  | 'edit-here'
  | 'first-tab';

export interface IBanner {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly sentence: string;
  readonly actions: readonly BannerAction[];
}

const NETWORK_REASONS = ['unreachable', 'overloaded', 'server-error'];

/** The mode of a notebook: edit, playground, or read-only. */
export function modeView(status: INotebookStatus, tab: ITabState, trans: TranslationBundle): IView {
  if (tab.otherTab !== undefined && !isHeldElsewhere(status)) {
    return { icon: 'tabs', text: trans.__('Read-only'), sentence: secondTabSentence(tab, trans), tone: 'warn' };
  }
  if (status.mode === 'playground') {
    return {
      icon: 'flask',
      text: trans.__('Playground'),
      sentence: trans.__('Playground: not saved to the workspace.'),
      tone: 'plain'
    };
  }
  if (isReadOnly(status, tab)) {
    const sentence = isHeldElsewhere(status) ? whoIsEditing(status, trans) : readOnly(status, trans);
    return { icon: 'lock', text: trans.__('Read-only'), sentence, tone: 'warn' };
  }
  return {
    icon: 'pencil',
    text: trans.__('Editing'),
    sentence: status.lock?.message || trans.__('Editing: changes are saved to the workspace.'),
    tone: 'plain'
  };
}

/** Where the work is, the worst news first. */
export function placeView(status: INotebookStatus, tab: ITabState, trans: TranslationBundle): IView {
  if (isConflict(status)) {
    return { icon: 'alert', text: trans.__('Conflict'), sentence: status.message, tone: 'bad' };
  }
  if (tab.connection === 'lost') {
    return {
      icon: 'offline',
      text: tab.dirty ? trans.__('Unsaved, no server') : trans.__('No server'),
      short: tab.dirty ? trans.__('Unsaved') : trans.__('No server'),
      sentence: tab.dirty
        ? trans.__('Jupyter does not answer. Your latest edits are only in this tab: keep it open.')
        : trans.__('Jupyter does not answer. What you see was saved before.'),
      tone: 'bad'
    };
  }
  if (tab.saveFailed || tab.saveError != null) {
    return {
      icon: 'alert',
      text: trans.__('Not saved'),
      sentence: trans.__('The last save failed. Your latest edits are only in this tab: keep it open.'),
      tone: 'bad'
    };
  }
  if (tab.dirty && !isReadOnly(status, tab)) {
    return unsavedView(tab, trans);
  }
  const ofReader = isReadOnly(status, tab) ? readerPlace(status, tab, trans) : null;
  return ofReader ?? goneView(status, trans) ?? savedView(status, trans);
}

function unsavedView(tab: ITabState, trans: TranslationBundle): IView {
  return {
    icon: 'dot',
    text: tab.saving ? trans.__('Saving…') : trans.__('Unsaved'),
    sentence: trans.__('Your latest edits are not saved yet; they will be in a few seconds.'),
    tone: 'plain'
  };
}

function savedView(status: INotebookStatus, trans: TranslationBundle): IView {
  const view = (icon: IconName, tone: Tone, text: string, short?: string): IView => ({
    icon,
    text,
    short,
    sentence: status.message,
    tone
  });
  switch (status.place) {
    case 'in-workspace':
      return {
        ...view('check', 'good', trans.__('In the workspace'), trans.__('In workspace')),
        at: status.savedAt
      };
    case 'uploading':
      return view('upload', 'plain', trans.__('On this disk, uploading…'), trans.__('Uploading…'));
    case 'on-disk':
      return NETWORK_REASONS.includes(status.reason ?? '')
        ? view('offline', 'warn', trans.__('Offline, will be uploaded'), trans.__('Offline'))
        : view('disk', 'warn', trans.__('Not in the workspace'), trans.__('Not uploaded'));
    case 'offline':
      return view('offline', 'warn', trans.__('Offline copy'));
    case 'locked':
      return view('disk', 'bad', trans.__('Not in the workspace'), trans.__('Not uploaded'));
    case 'local-only':
    case 'playground':
      return view('disk', 'plain', trans.__('On this disk only'), trans.__('This disk only'));
    case 'gone':
      return view('alert', 'bad', trans.__('Not in the workspace any more'), trans.__('Gone'));
    case 'conflict':
    case 'unknown':
      return view('disk', 'plain', trans.__('On this disk'));
  }
}

/** What the banner over a notebook says, if there is anything to say. */
export function bannerView(
  status: INotebookStatus,
  tab: ITabState,
  waiting: boolean,
  trans: TranslationBundle
): IBanner | null {
  const banner = failedBanner(tab, trans) ?? bannerOf(status, tab, waiting, trans);
  return banner !== null && isReadOnly(status, tab) ? withNewerVersion(banner, status, tab, trans) : banner;
}

function bannerOf(status: INotebookStatus, tab: ITabState, waiting: boolean, trans: TranslationBundle): IBanner | null {
  if (isConflict(status)) {
    return { tone: 'bad', icon: 'alert', sentence: status.message, actions: ['resolve', 'playground', 'copy'] };
  }
  if (status.mode === 'playground') {
    const { icon, sentence } = modeView(status, tab, trans);
    return { tone: 'plain', icon, sentence, actions: status.editPath === null ? [] : ['copy-to-edit'] };
  }
  const special = goneBanner(status, trans) ?? unfitBanner(status);
  if (special !== null || status.lock === null) {
    return special;
  }
  if (isHeldElsewhere(status)) {
    return {
      tone: status.lock.lost ? 'bad' : 'warn',
      icon: 'lock',
      sentence: status.lock.lost ? takenOver(status, tab, trans) : whoIsEditing(status, trans),
      actions: heldActions(status, waiting)
    };
  }
  if (status.lock.state === 'not-permitted') {
    const actions: BannerAction[] = ['playground', 'preview', 'copy'];
    return { tone: 'warn', icon: 'lock', sentence: readOnly(status, trans), actions };
  }
  if (tab.readOnly) {
    const sentence = trans.__('No one else is editing this notebook now. You see it as it was.');
    return { tone: 'good', icon: 'pencil', sentence, actions: ['edit', 'playground', 'preview', 'copy'] };
  }
  return null;
}

function heldActions(status: INotebookStatus, waiting: boolean): BannerAction[] {
  const offered = status.lock?.actions ?? [];
  const order: BannerAction[] = ['playground', 'preview', 'copy', waiting ? 'stop-waiting' : 'wait', 'take-over'];
  return order.filter(
    action => action === 'preview' || offered.some(offer => offer === (action === 'stop-waiting' ? 'wait' : action))
  );
}

function takenOver(status: INotebookStatus, tab: ITabState, trans: TranslationBundle): string {
  const where = whereTyped(status, tab, trans);
  return status.lock?.state === 'held-elsewhere'
    ? trans.__('You are editing this notebook in another environment now. %1', where)
    : trans.__('%1 is editing this notebook now. %2', who(status, trans), where);
}

/** What is true of it at this moment: the last edits may not have been saved yet. */
function whereTyped(status: INotebookStatus, { dirty, saving }: ITabState, trans: TranslationBundle): string {
  if (dirty || saving) {
    return trans.__('Your latest edits are only in this tab until they are saved on this disk.');
  }
  return status.place === 'in-workspace'
    ? trans.__('What you typed here is in the workspace.')
    : trans.__('What you typed here is kept on this disk.');
}

function whoIsEditing(status: INotebookStatus, trans: TranslationBundle): string {
  if (status.lock?.state === 'held-elsewhere') {
    return trans.__('Read-only: you are editing this notebook in another environment.');
  }
  return editing(who(status, trans), status, trans);
}

function readOnly(status: INotebookStatus, trans: TranslationBundle): string {
  return status.lock?.state === 'not-permitted' && status.lock.message !== ''
    ? status.lock.message
    : trans.__('Read-only: press Edit to edit this notebook.');
}

function who(status: INotebookStatus, trans: TranslationBundle): string {
  return status.lock?.email ?? trans.__('Somebody else');
}

/** Hours and minutes in the person's own time zone, with the date when it is not today. */
export function clockTime(iso: string | null): string | null {
  return moment(iso, present());
}
