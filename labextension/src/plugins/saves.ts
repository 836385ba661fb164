import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, ServerConnection } from '@jupyterlab/services';
import { dueAt } from '../autosave';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { getStatus } from '../restapi';
import { SaveQueue, SaveQueues } from '../savequeue';
import { isKeptOnDisk } from '../status';
import { EXTENSION, IOpenNotebooks, ISaveQueues } from '../tokens';

/** Saves of workspace notebooks never overlap, forget no edit, and stay within the autosave interval. */
export const savesPlugin: JupyterFrontEndPlugin<SaveQueues> = {
  id: `${EXTENSION}:saves`,
  description: 'Guards the saving of workspace notebooks.',
  autoStart: true,
  provides: ISaveQueues,
  requires: [IOpenNotebooks, IDocumentManager],
  activate: (app: JupyterFrontEnd, notebooks: OpenNotebooks, documents: IDocumentManager): SaveQueues => {
    const queues = new SaveQueues();
    noteAnswersOfSaves(app.serviceManager.contents, app.serviceManager.serverSettings, notebooks);
    failQuietlyWithoutServer(app.serviceManager.contents, notebooks);
    notebooks.forEach(({ panel, state }) => {
      const { context } = panel;
      if (!queues.has(context)) {
        const queue = queueSaves(context);
        queues.add(context, queue);
        const autosaver = new Autosaver(panel, queue, documents);
        state.statusReceived.connect((_, { before, now }) => {
          if (now.lock?.lost === true && before?.lock?.lost !== true) {
            autosaver.saveSoon(); // it is said where the last edits are
          }
        });
      }
    });
    return queues;
  }
};

/** Let one save of a document follow the other, and keep edits made meanwhile marked as unsaved. */
function queueSaves(context: DocumentRegistry.Context): SaveQueue {
  const queue = new SaveQueue(context.save.bind(context));
  context.save = () => queue.save();
  context.model.contentChanged.connect(() => queue.noteChange());
  context.saveState.connect((_, state) => {
    if (state === 'started') {
      queue.noteTaken();
    } else if (state === 'completed' && queue.changedSinceTaken) {
      context.model.dirty = true;
    }
  });
  return queue;
}

/**
 * Take note of the answers of saves.
 *
 * A save that failed is a finished save all the same when the disk has the edits: JupyterLab gets it as such, and the
 * notebook's state shows what the workspace thinks of it. Otherwise JupyterLab would send the same edits every few
 * seconds, and show a dialog of its own each time. Where the disk has them not, the banner says why.
 */
function noteAnswersOfSaves(
  contents: Contents.IManager,
  settings: ServerConnection.ISettings,
  notebooks: OpenNotebooks
): void {
  const save = contents.save.bind(contents);
  contents.save = async (path, options) => {
    try {
      const model = await save(path, options);
      notebooks.at(path).forEach(({ state }) => {
        state.setTab({ saveError: null });
        state.noteModel(model);
      });
      return model;
    } catch (error) {
      const opened = notebooks.at(path).filter(({ state }) => state.status !== null);
      if (opened.length === 0 || (error instanceof Error && error.name === 'ModalCancelError')) {
        throw error;
      }
      const saved = await whatTheDiskHas(path, error, opened);
      if (saved === null) {
        throw asOwnNews(error, opened);
      }
      opened.forEach(({ state }) => state.setTab({ saveError: null }));
      return saved;
    }
  };

  /** The model of what is on the disk, if it is what was to be saved; null: it is not, or that is not known. */
  async function whatTheDiskHas(
    path: string,
    error: unknown,
    opened: readonly IOpenNotebook[]
  ): Promise<Contents.IModel | null> {
    const before = opened[0]?.panel.context.contentsModel?.hash ?? null;
    try {
      const status = await getStatus(settings, path);
      opened.forEach(({ state }) => state.setStatus(status));
      if (isRefusal(error) && !isKeptOnDisk(status)) {
        return null;
      }
      const now = await contents.get(path, { content: false, hash: true });
      // Other failures say nothing of the disk: another content than before is what was sent.
      return isRefusal(error) || (now.hash != null && now.hash !== before) ? now : null;
    } catch {
      return null;
    }
  }
}

/**
 * The banner says it, as long as it lasts: JupyterLab would show a dialog for each attempt. It takes an error of this
 * name for the person's own "no", and tries again at the next interval.
 */
function asOwnNews(error: unknown, opened: readonly IOpenNotebook[]): Error {
  const message = error instanceof ServerConnection.ResponseError ? error.message : '';
  opened.forEach(({ state }) => state.setTab({ saveError: message, saving: false }));
  const quiet = new Error('Cancel');
  quiet.name = 'ModalCancelError';
  return quiet;
}

/**
 * While the server is away, the badge says so; JupyterLab would show a dialog for each save that it tries.
 *
 * It begins a save by asking whether the file has changed, and takes an error of this name for the person's own "no".
 */
function failQuietlyWithoutServer(contents: Contents.IManager, notebooks: OpenNotebooks): void {
  const get = contents.get.bind(contents);
  contents.get = async (path, options) => {
    try {
      return await get(path, options);
    } catch (error) {
      const isKnown = notebooks.at(path).some(({ state }) => state.tab.connection === 'lost');
      if (isKnown && options?.content === false && error instanceof ServerConnection.NetworkError) {
        error.name = 'ModalCancelError';
      }
      throw error;
    }
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof ServerConnection.ResponseError && error.response.status === 409;
}

/** Saves when JupyterLab's own timer would be late: it waits ten times as long as the last save took. */
class Autosaver {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _queue: SaveQueue,
    private readonly _documents: IDocumentManager
  ) {
    const { context } = _panel;
    context.model.contentChanged.connect(() => this._noteEdit());
    context.saveState.connect((_, state) => this._noteSave(state));
    context.disposed.connect(() => this._stop());
  }

  /** Save what is unsaved without waiting for the interval, if this person wants anything saved by itself. */
  saveSoon(): void {
    if (this._documents.autosave) {
      this._stop();
      this._save();
    }
  }

  private _noteEdit(): void {
    this._since ??= Date.now();
    this._schedule();
  }

  private _noteSave(state: DocumentRegistry.SaveState): void {
    this._stop();
    if (state === 'started') {
      this._since = null;
      return;
    }
    this._ended = Date.now();
    if (state === 'failed') {
      this._since = this._ended;
    }
    if (this._since !== null) {
      this._schedule();
    }
  }

  private _schedule(): void {
    if (this._timer !== null || this._since === null || !this._documents.autosave) {
      return;
    }
    const interval = 1000 * (this._documents.autosaveInterval || DEFAULT_INTERVAL_SECONDS);
    const due = dueAt({ since: this._since, lastSaveEnded: this._ended }, interval);
    this._timer = window.setTimeout(() => this._save(), due - Date.now());
  }

  private _save(): void {
    this._timer = null;
    const { context } = this._panel;
    if (context.isDisposed || !context.model.dirty) {
      this._since = null; // what was changed came from the server
    } else if (context.canSave !== false && !this._queue.inFlight) {
      // (The end of a save that is on its way starts the timer again.)
      // A failure is shown by the document's own dialog and by its state.
      void context.save().catch(() => this._noteSave('failed'));
    }
  }

  private _stop(): void {
    if (this._timer !== null) {
      window.clearTimeout(this._timer);
      this._timer = null;
    }
  }

  private _since: number | null = null;
  private _ended: number | null = null;
  private _timer: number | null = null;
}

/** JupyterLab's own, when a person has set none. */
const DEFAULT_INTERVAL_SECONDS = 120;
