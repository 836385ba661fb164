import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Contents } from '@jupyterlab/services';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { ISnapshot, changesBetween, snapshotOf } from '../ownchanges';
import { isToFollow } from '../reading';
import { screenOf, showServerVersion } from '../notebookcontent';
import { SaveQueues } from '../savequeue';
import { INotebookStatus, shownVersion } from '../status';
import { EXTENSION, IOpenNotebooks, ISaveQueues } from '../tokens';
import { isReadOnly } from '../views';
import { followVisibility, isSeen } from '../visibility';

/** Keeps read-only views current: they follow the editor's saves, unless they hold something of their own. */
export const readingPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:reading`,
  description: 'Shows in read-only views what the editor has saved, and says where it cannot.',
  autoStart: true,
  requires: [IOpenNotebooks],
  optional: [ISaveQueues],
  activate: (app: JupyterFrontEnd, notebooks: OpenNotebooks, saves: SaveQueues | null) => {
    const queues = saves ?? new SaveQueues();
    const versions = noteShownVersions(app.serviceManager.contents, notebooks);
    notebooks.forEach(opened => new ReadOnlyView(opened, queues, path => versions.get(path) ?? null));
  }
};

/** Models with content say which version they show; JupyterLab keeps nothing of that. */
function noteShownVersions(contents: Contents.IManager, notebooks: OpenNotebooks): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  const get = contents.get.bind(contents);
  contents.get = async (path, options) => {
    const model = await get(path, options);
    const version = options?.content === false ? null : shownVersion(model);
    if (version !== null) {
      versions.set(path, version);
      notebooks.at(path).forEach(({ state }) => state.setTab({ shownVersion: version }));
    }
    return model;
  };
  return versions;
}

/** What is looked at after a change, together with what changes soon after it: outputs come in many pieces. */
const SETTLED_MS = 300;
/** How often words such as “2 min ago” are updated. */
const WORDS_MS = 30_000;

class ReadOnlyView {
  constructor(
    private readonly _opened: IOpenNotebook,
    private readonly _saves: SaveQueues,
    private readonly _versionAt: (path: string) => string | null
  ) {
    const { panel, state } = _opened;
    const { context } = panel;
    const revert = context.revert.bind(context);
    context.revert = async () => {
      await revert();
      this._noteShown();
    };
    void context.ready.then(() => this._noteShown());
    context.model.contentChanged.connect(() => this._lookSoon());
    state.statusReceived.connect((_, { now }) => this._noteSaved(now));
    state.changed.connect(() => this._follow());
    followVisibility(panel, () => this._follow());
    const words = window.setInterval(() => this._isReadOnly && isSeen(panel) && state.tick(), WORDS_MS);
    panel.disposed.connect(() => {
      window.clearInterval(words);
      window.clearTimeout(this._timer);
    });
  }

  private get _isReadOnly(): boolean {
    const { status, tab } = this._opened.state;
    return status !== null && isReadOnly(status, tab);
  }

  /** What is on the screen has just come from the server. */
  private _noteShown(): void {
    const { panel, state } = this._opened;
    if (panel.isDisposed) {
      return;
    }
    this._shown = panel.context.contentsModel?.writable === false ? snapshotOf(screenOf(panel)) : null;
    state.setTab({ ownChanges: 'none', shownVersion: this._versionAt(state.path) ?? state.tab.shownVersion });
  }

  /** While it is edited, what the workspace was given last is what is on the screen. */
  private _noteSaved({ place, savedAt, workspaceVersion }: INotebookStatus): void {
    if (!this._isReadOnly && place === 'in-workspace' && savedAt !== null) {
      this._opened.state.setTab({ shownVersion: workspaceVersion });
    }
  }

  private _lookSoon(): void {
    if (this._shown !== null) {
      window.clearTimeout(this._timer);
      this._timer = window.setTimeout(() => this.look(), SETTLED_MS);
    }
  }

  /** See what the person has changed. Outputs alone are no edits: the person is not asked to save them. */
  look(): void {
    const { panel, state } = this._opened;
    if (this._shown === null || panel.isDisposed) {
      return;
    }
    const ownChanges = changesBetween(this._shown, snapshotOf(screenOf(panel)));
    if (ownChanges !== 'edits') {
      panel.context.model.dirty = false;
    }
    state.setTab({ ownChanges });
  }

  private _follow(): void {
    const { panel, state } = this._opened;
    const { status, tab } = state;
    const version = status?.workspaceVersion ?? null;
    if (status === null || !this._isReadOnly || !isToFollow(status, tab) || version === this._tried || !isSeen(panel)) {
      return;
    }
    this._tried = version; // once for each version, whatever comes of it
    void this._showNewer();
  }

  private async _showNewer(): Promise<void> {
    const { panel } = this._opened;
    try {
      await this._saves.exclusively(panel.context, async () => {
        this.look();
        if (this._opened.state.tab.ownChanges === 'none') {
          await showServerVersion(panel);
        }
      });
    } catch {
      // JupyterLab says why it could not be loaded; the next version is tried again.
    }
  }

  private _shown: ISnapshot | null = null;
  private _tried: string | null = null;
  private _timer: number | undefined;
}
