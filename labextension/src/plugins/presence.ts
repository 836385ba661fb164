import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ServerConnection } from '@jupyterlab/services';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { Presence } from '../presence';
import { presenceSocket, releaseWhileLeaving } from '../restapi';
import { parseStatus } from '../status';
import { parseTabs } from '../tabs';
import { EXTENSION, IOpenNotebooks } from '../tokens';
import { followVisibility, isSeen } from '../visibility';

/** Tells the server which notebooks this page shows: that keeps their edit locks, and brings news of them. */
export const presencePlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:presence`,
  description: 'Keeps edit locks while notebooks are open, and gives them back.',
  autoStart: true,
  requires: [IOpenNotebooks],
  activate: (app: JupyterFrontEnd, notebooks: OpenNotebooks) => {
    const known = new WeakSet<object>();
    notebooks.forEach(opened => {
      // Another view of the same document in this page is no tab of its own.
      if (!known.has(opened.panel.context)) {
        known.add(opened.panel.context);
        new PresenceOfNotebook(opened, notebooks, app.serviceManager.serverSettings);
      }
    });
  }
};

/** One socket for each open notebook of a workspace; a new one when it is renamed. */
class PresenceOfNotebook {
  constructor(
    private readonly _opened: IOpenNotebook,
    private readonly _notebooks: OpenNotebooks,
    private readonly _settings: ServerConnection.ISettings
  ) {
    const { panel, state } = _opened;
    state.changed.connect(this._follow, this);
    state.say = action => this._presence?.send({ action });
    panel.context.disposed.connect(() => this._leave()); // its last view was closed
    window.addEventListener('online', this._retry);
    followVisibility(panel, () => this._sayWhetherSeen());
    document.addEventListener('visibilitychange', this._retry);
  }

  private _follow(): void {
    const { state } = this._opened;
    if (this._presence !== null && this._path !== state.path) {
      void this._presence.close();
      this._presence = null;
    }
    // A server that sends no lock has no presence either.
    if (this._presence === null && state.status !== null && state.status.lock !== null) {
      this._path = state.path;
      this._presence = this._open(state.path);
      this._sayWhetherSeen();
    }
  }

  /** What others do with a notebook is worth the server's requests while a person can see it. */
  private _sayWhetherSeen(): void {
    this._presence?.say({ looked_at: isSeen(this._opened.panel) });
  }

  private _open(path: string): Presence {
    const { state } = this._opened;
    const isCurrent = () => state.path === path && !this._opened.panel.context.isDisposed;
    return new Presence({
      connect: () => presenceSocket(this._settings, path, state.tab.otherTab === undefined),
      onFrame: frame => {
        const status = parseStatus(frame);
        if (status !== null && isCurrent()) {
          state.setStatus(status);
        }
        const tabs = parseTabs(frame);
        if (tabs !== null && isCurrent()) {
          state.noteTabs(tabs);
        }
      },
      onConnection: connected => isCurrent() && state.setTab({ connection: connected ? 'open' : 'lost' }),
      later: (act, ms) => {
        const timer = window.setTimeout(act, ms);
        return () => window.clearTimeout(timer);
      }
    });
  }

  /** The notebook was closed: give the lock back now, and not after the time that a reload is given. */
  private _leave(): void {
    window.removeEventListener('online', this._retry);
    document.removeEventListener('visibilitychange', this._retry);
    const [presence, path] = [this._presence, this._path];
    if (presence === null) {
      return;
    }
    const hasLock = this._opened.state.status?.mode === 'edit';
    void presence.close().then(() => {
      if (hasLock && this._notebooks.at(path).length === 0) {
        releaseWhileLeaving(this._settings, path);
      }
    });
  }

  private readonly _retry = (): void => {
    if (document.visibilityState === 'visible') {
      this._presence?.retryNow();
    }
  };

  private _presence: Presence | null = null;
  private _path = '';
}
