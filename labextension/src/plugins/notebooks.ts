import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents, ServerConnection } from '@jupyterlab/services';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { NotebookState, OpenNotebooks } from '../model';
import { setLanguage } from '../present';
import { UnexpectedAnswer, getStatus, serverPart, setRefusalWords } from '../restapi';
import { refusalInWords, statusInWords } from '../sentences';
import { INotebookStatus, parseStatus, statusIn } from '../status';
import { EVENT_SCHEMA, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';
import { isFields } from '../validate';

/** Keeps the state of each open notebook: from the server's answers and events, and from its document. */
export const notebooksPlugin: JupyterFrontEndPlugin<OpenNotebooks> = {
  id: `${EXTENSION}:notebooks`,
  description: 'Keeps where the work of each open notebook is, and who is editing it.',
  autoStart: true,
  provides: IOpenNotebooks,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    setLanguage(translator);
    setRefusalWords((reason, bucket) => refusalInWords(reason, bucket, trans));
    const notebooks = new OpenNotebooks();
    if (serverPart().folders.length === 0) {
      return notebooks; // a plain Jupyter stays one: nothing is asked and nothing is shown
    }
    const reader = new StatusReader(app.serviceManager.serverSettings, noteOpened(app.serviceManager.contents), trans);
    const open = (panel: NotebookPanel) => {
      if (app.serviceManager.contents.driveName(panel.context.path) !== '') {
        return; // another drive: not files of this server
      }
      const state = new NotebookState(panel.context.localPath, status => statusInWords(status, trans));
      followDocument(panel, state);
      followPath(panel, state, reader);
      notebooks.add({ panel, state });
    };
    tracker.forEach(open);
    tracker.widgetAdded.connect((_, panel) => open(panel));
    followEvents(app, notebooks);
    return notebooks;
  }
};

function followDocument(panel: NotebookPanel, state: NotebookState): void {
  const { context } = panel;
  const note = () => state.setTab({ dirty: context.model.dirty, readOnly: context.contentsModel?.writable === false });
  context.model.stateChanged.connect(note);
  context.fileChanged.connect(note);
  context.saveState.connect((_, saving) => {
    state.setTab({ saving: saving === 'started', saveFailed: saving === 'failed' });
    note();
  });
  // What was opened to be read is shown again to be edited.
  state.statusReceived.connect(note);
  void context.ready.then(note);
}

/**
 * Note what models with content say of notebooks: JupyterLab keeps nothing of that.
 *
 * @returns what gives the status in the last model of a path, once.
 */
function noteOpened(contents: Contents.IManager): (path: string) => INotebookStatus | null {
  const noted = new Map<string, INotebookStatus | null>();
  const get = contents.get.bind(contents);
  contents.get = async (path, options) => {
    const model = await get(path, options);
    if (options?.content !== false) {
      noted.set(path, statusIn(model));
    }
    return model;
  };
  return path => {
    const status = noted.get(path) ?? null;
    noted.delete(path);
    return status;
  };
}

function followPath(panel: NotebookPanel, state: NotebookState, reader: StatusReader): void {
  void panel.context.ready.then(() => reader.readOpened(state));
  panel.context.pathChanged.connect(() => {
    state.moveTo(panel.context.localPath);
    void reader.read(state);
  });
}

function followEvents(app: JupyterFrontEnd, notebooks: OpenNotebooks): void {
  app.serviceManager.events.stream.connect((_, event) => {
    // An event carries its data beside its schema's id.
    const status = event.schema_id === EVENT_SCHEMA && isFields(event) ? parseStatus(event) : null;
    if (status !== null) {
      notebooks.at(status.path).forEach(({ state }) => state.noteEvent(status));
    }
  });
}

/** Asks for the status of notebooks; notifies once, in plain words, if the server's answer is not understood. */
class StatusReader {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _opened: (path: string) => INotebookStatus | null,
    private readonly _trans: TranslationBundle
  ) {}

  /** Take the status that came with a notebook's content; what changes from now on, the presence socket sends. */
  async readOpened(state: NotebookState): Promise<void> {
    const status = this._opened(state.path);
    if (status === null) {
      await this.read(state);
    } else {
      state.setStatus(status);
    }
  }

  async read(state: NotebookState): Promise<void> {
    const path = state.path;
    try {
      const status = await getStatus(this._settings, path);
      if (state.path === path) {
        state.setStatus(status);
      }
    } catch (error) {
      this._explain(error);
    }
  }

  private _explain(error: unknown): void {
    if (error instanceof UnexpectedAnswer && !this._told) {
      this._told = true;
      Notification.warning(
        this._trans.__(
          'The server part of jupyter_terra_env is another version: where your work is cannot be shown. Update it and restart Jupyter.'
        ),
        { autoClose: false }
      );
    }
  }

  private _told = false;
}
