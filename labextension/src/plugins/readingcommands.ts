import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { noticeToOpen } from '../notices';
import { hasOwnChanges } from '../reading';
import { getStatus, openWorkspaceVersion } from '../restapi';
import { showServerVersion } from '../notebookcontent';
import { SaveQueues } from '../savequeue';
import {
  ARGS_OF_PANEL,
  EXTENSION,
  IOpenNotebooks,
  ISaveQueues,
  ReadingCommandIds,
  TRANSLATION_DOMAIN
} from '../tokens';

/** The ways on from a view that is outdated, of a notebook that has gone, or that this disk has broken. */
export const readingCommandsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:reading-commands`,
  description: 'Commands of read-only, renamed and broken workspace notebooks.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker, IDocumentManager],
  optional: [ISaveQueues, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    saves: SaveQueues | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const ways = new WaysOn(app, documents, saves ?? new SaveQueues(), trans);
    const find = (args: ReadonlyPartialJSONObject) =>
      notebooks.of(
        (typeof args.id === 'string' && tracker.find(panel => panel.id === args.id)) || tracker.currentWidget
      );
    const add = (id: string, label: string, suits: (opened: IOpenNotebook) => boolean, act: Act) =>
      app.commands.addCommand(id, {
        describedBy: { args: ARGS_OF_PANEL },
        label,
        isEnabled: args => {
          const opened = find(args);
          return opened?.state.status != null && suits(opened);
        },
        execute: async args => {
          const opened = find(args);
          await (opened === null ? undefined : ways.run(act, opened));
        }
      });
    add(
      ReadingCommandIds.showNewer,
      trans.__('Show the Newer Version'),
      () => true,
      opened => ways.showNewer(opened)
    );
    add(
      ReadingCommandIds.openRenamed,
      trans.__('Open It Under Its New Name'),
      ({ state }) => state.status?.gone?.path != null,
      opened => ways.openRenamed(opened)
    );
    add(
      ReadingCommandIds.saveAgain,
      trans.__('Save Again'),
      () => true,
      ({ panel }) => panel.context.save()
    );
    add(
      ReadingCommandIds.showWorkspaceVersion,
      trans.__('Show the Workspace’s Version'),
      ({ state }) => state.status?.mode === 'edit',
      opened => ways.showWorkspaceVersion(opened)
    );
  }
};

type Act = (opened: IOpenNotebook) => Promise<void>;

class WaysOn {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _documents: IDocumentManager,
    private readonly _saves: SaveQueues,
    private readonly _trans: TranslationBundle
  ) {}

  /** Do it; say in a dialog why it could not be done. */
  async run(act: Act, opened: IOpenNotebook): Promise<void> {
    try {
      await act(opened);
    } catch (error) {
      if (error instanceof Error && error.name === 'ModalCancelError') {
        return; // the notebook itself says so
      }
      const title = this._trans.__('This could not be done with “%1”', PathExt.basename(opened.state.path));
      await showErrorMessage(title, error instanceof Error ? error.message : String(error));
    }
  }

  /** Show what was saved since, in the place of what the person ran and changed in the view. */
  async showNewer({ panel, state }: IOpenNotebook): Promise<void> {
    const trans = this._trans;
    if (state.tab.ownChanges !== 'outputs' && (panel.context.model.dirty || hasOwnChanges(state.tab))) {
      const answer = await showDialog({
        title: trans.__('Show the newer version of “%1”?', PathExt.basename(state.path)),
        body: trans.__('What you changed in this view is in no file, and goes away. Make a copy first to keep it.'),
        buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Show It') })],
        defaultButton: 0
      });
      if (!answer.button.accept) {
        return;
      }
    }
    await this._show(panel);
  }

  async openRenamed({ panel, state }: IOpenNotebook): Promise<void> {
    const path = state.status?.gone?.path;
    if (path == null) {
      return;
    }
    this._documents.openOrReveal(path);
    if (!panel.context.model.dirty && !hasOwnChanges(state.tab)) {
      panel.close();
    }
  }

  async showWorkspaceVersion({ panel, state }: IOpenNotebook): Promise<void> {
    const settings = this._app.serviceManager.serverSettings;
    await this._saves.exclusively(panel.context, async () => {
      const kept = await openWorkspaceVersion(settings, state.path);
      await showServerVersion(panel);
      state.setStatus(await getStatus(settings, state.path));
      if (kept !== null) {
        const message = this._trans.__('What this disk had is kept as “%1”.', PathExt.basename(kept));
        noticeToOpen(message, this._trans.__('Open'), () => this._documents.openOrReveal(kept));
      }
    });
  }

  private _show(panel: IOpenNotebook['panel']): Promise<void> {
    return this._saves.exclusively(panel.context, () => showServerVersion(panel));
  }
}
