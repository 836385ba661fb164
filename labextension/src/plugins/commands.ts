import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { namesForCopy } from '../names';
import { keepOnThisDisk } from '../keptscreen';
import { noticeToOpen } from '../notices';
import { IServer, toPlayground } from '../playground';
import { changeLock } from '../restapi';
import { keepScreen, screenOf, showServerVersion, writeNew } from '../notebookcontent';
import { SaveQueues } from '../savequeue';
import { INotebookStatus, isConflict, isHeldElsewhere } from '../status';
import { ARGS_OF_PANEL, CommandIds, EXTENSION, IOpenNotebooks, ISaveQueues, TRANSLATION_DOMAIN } from '../tokens';
import { isReadOnly, modeView, placeView } from '../views';

/** What can be done with an open notebook of a workspace. */
export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:commands`,
  description: 'Commands for open workspace notebooks: playground, copies, editing, waiting.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker, IDocumentManager],
  optional: [ISaveQueues, ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    saves: SaveQueues | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const commands = new NotebookCommands(app, documents, saves ?? new SaveQueues(), trans);
    const find = (args: ReadonlyPartialJSONObject) =>
      notebooks.of(
        (typeof args.id === 'string' && tracker.find(panel => panel.id === args.id)) || tracker.currentWidget
      );
    for (const command of commands.all) {
      app.commands.addCommand(command.id, {
        describedBy: { args: ARGS_OF_PANEL },
        label: command.label,
        isEnabled: args => {
          const opened = find(args);
          return opened?.state.status != null && command.suits(opened, opened.state.status);
        },
        execute: args => {
          const opened = find(args);
          return opened === null ? undefined : commands.run(command.act, opened);
        }
      });
      palette?.addItem({ command: command.id, category: trans.__('Terra Workspace') });
    }
  }
};

type Act = (opened: IOpenNotebook) => Promise<void>;

interface ICommand {
  readonly id: string;
  readonly label: string;
  readonly suits: (opened: IOpenNotebook, status: INotebookStatus) => boolean;
  readonly act: Act;
}

class NotebookCommands {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _documents: IDocumentManager,
    private readonly _saves: SaveQueues,
    private readonly _trans: TranslationBundle
  ) {
    this._server = { contents: _app.serviceManager.contents, settings: _app.serviceManager.serverSettings };
  }

  get all(): ICommand[] {
    const trans = this._trans;
    return [
      {
        id: CommandIds.playground,
        label: trans.__('Open in Playground'),
        suits: (_, status) => status.mode === 'edit' && status.playgroundPath !== null,
        act: opened => this._openInPlayground(opened)
      },
      {
        id: CommandIds.copy,
        label: trans.__('Make a Copy of What Is on the Screen'),
        suits: (_, status) => status.mode === 'edit',
        act: opened => this._copy(opened)
      },
      {
        id: CommandIds.copyToEdit,
        label: trans.__('Copy to Edit'),
        suits: (_, status) => status.mode === 'playground' && status.editPath !== null,
        act: opened => this._copyToEdit(opened)
      },
      {
        id: CommandIds.edit,
        label: trans.__('Edit This Notebook'),
        suits: ({ state }, status) => isReadOnly(status, state.tab),
        act: opened => this._edit(opened, 'acquire')
      },
      {
        id: CommandIds.takeOver,
        label: trans.__('Edit Here Instead of in the Other Environment'),
        suits: (_, status) => status.lock?.actions.includes('take-over') === true,
        act: opened => this._takeOver(opened)
      },
      {
        id: CommandIds.wait,
        label: trans.__('Notify Me When No One Else Is Editing'),
        suits: ({ state }, status) => isHeldElsewhere(status) && !state.waiting,
        act: async ({ state }) => state.setWaiting(true)
      },
      {
        id: CommandIds.stopWaiting,
        label: trans.__('Do Not Notify Me When No One Else Is Editing'),
        suits: ({ state }) => state.waiting,
        act: async ({ state }) => state.setWaiting(false)
      },
      {
        id: CommandIds.details,
        label: trans.__('Where Is My Work?'),
        suits: () => true,
        act: opened => this._showDetails(opened)
      }
    ];
  }

  /** Run a command; say in a dialog why it could not be done. */
  async run(act: Act, opened: IOpenNotebook): Promise<void> {
    try {
      await act(opened);
    } catch (error) {
      const title = this._trans.__('This could not be done with “%1”', PathExt.basename(opened.state.path));
      await showErrorMessage(title, error instanceof Error ? error.message : String(error));
    }
  }

  private async _openInPlayground({ panel, state }: IOpenNotebook): Promise<void> {
    const path = state.status?.playgroundPath;
    if (!path) {
      return;
    }
    const copied = await toPlayground(this._server, screenOf(panel), path, this._trans.__('copy'));
    this._documents.openOrReveal(copied.path);
    if (copied.leftAlone !== null) {
      const [copy, other] = [PathExt.basename(copied.path), PathExt.basename(copied.leftAlone)];
      noticeToOpen(
        this._trans.__(
          '“%1” is in the playground already, with other content. It was left as it is; this is “%2”.',
          other,
          copy
        ),
        this._trans.__('Open “%1”', other),
        () => this._documents.openOrReveal(copied.leftAlone ?? copied.path)
      );
    }
  }

  private async _copy({ panel }: IOpenNotebook): Promise<void> {
    this._documents.openOrReveal(await keepScreen(this._server.contents, panel, this._trans.__('copy')));
  }

  private async _copyToEdit({ panel, state }: IOpenNotebook): Promise<void> {
    const path = state.status?.editPath;
    if (path) {
      const names = [path, ...namesForCopy(path, this._trans.__('from playground'))];
      this._documents.openOrReveal(await writeNew(this._server.contents, screenOf(panel), names));
    }
  }

  private async _takeOver(opened: IOpenNotebook): Promise<void> {
    const trans = this._trans;
    const answer = await showDialog({
      title: trans.__('Edit “%1” here?', PathExt.basename(opened.state.path)),
      body: trans.__(
        'The notebook becomes read-only in your other environment. What you typed there and is not in the workspace yet stays on that disk.'
      ),
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Edit Here') })],
      defaultButton: 0
    });
    if (answer.button.accept) {
      await this._edit(opened, 'take-over');
    }
  }

  private _edit(opened: IOpenNotebook, action: 'acquire' | 'take-over'): Promise<void> {
    return this._saves.exclusively(opened.panel.context, () => this._takeLockAndShow(opened, action));
  }

  /** Take the lock, then show what is edited now; what was on the screen is kept if it was not saved. */
  private async _takeLockAndShow({ panel, state }: IOpenNotebook, action: 'acquire' | 'take-over'): Promise<void> {
    const status = await changeLock(this._server.settings, state.path, action);
    // Outputs of cells that were run to look at something are no edits.
    if (panel.context.model.dirty && state.tab.ownChanges !== 'outputs') {
      await keepOnThisDisk(this._server.contents, panel, status, this._documents, this._trans);
    }
    await showServerVersion(panel);
    state.setStatus(status);
  }

  private async _showDetails({ panel, state }: IOpenNotebook): Promise<void> {
    if (state.status === null) {
      return;
    }
    const trans = this._trans;
    const [mode, place] = [modeView(state.status, state.tab, trans), placeView(state.status, state.tab, trans)];
    const conflict = isConflict(state.status);
    const { showDetails } = await import('../details');
    const button = await showDetails(
      this._server.settings,
      {
        title: PathExt.basename(state.path),
        path: state.path,
        sentences: mode.sentence === place.sentence ? [mode.sentence] : [mode.sentence, place.sentence],
        buttons: conflict ? [Dialog.okButton({ label: trans.__('Resolve…'), actions: ['resolve'] })] : []
      },
      trans
    );
    if (button.actions.includes('resolve')) {
      await this._app.commands.execute(CommandIds.resolve, { id: panel.id });
    }
  }

  private readonly _server: IServer;
}
