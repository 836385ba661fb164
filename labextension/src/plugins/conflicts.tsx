import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, Notification, ReactWidget, showErrorMessage } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookContent } from '@jupyterlab/nbformat';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { Panel } from '@lumino/widgets';
import * as React from 'react';
import { ConflictIntroduction } from '../components/conflict';
import { Episode, IChoice, choices } from '../conflicts';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { nameOf } from '../names';
import { sameCells } from '../notebookdiff';
import { IConflict, IResolved, Refusal, Resolution, getConflict, getStatus, resolve } from '../restapi';
import { keepScreen, screenOf, showServerVersion, whileNothingIsSaved } from '../screen';
import { INotebookStatus, isConflict } from '../status';
import { CommandIds, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';

const PLUGIN_ID = `${EXTENSION}:conflicts`;

/** Asks what is to become of two versions, once for each conflict, and does it. */
export const conflictsPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Shows both versions of a notebook in conflict, and does what is decided.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker, IDocumentManager, IRenderMimeRegistry, IEditorServices],
  optional: [ITranslator, ISettingRegistry, ICommandPalette],
  activate: async (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    rendermime: IRenderMimeRegistry,
    editors: IEditorServices,
    translator: ITranslator | null,
    settings: ISettingRegistry | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const tools = { rendermime, editors, translator: translator ?? nullTranslator };
    const desk = new ConflictDesk(app, documents, tools, trans);
    app.commands.addCommand(CommandIds.resolve, {
      label: trans.__('Decide What Becomes of Both Versions…'),
      isEnabled: () => {
        const status = notebooks.of(tracker.currentWidget)?.state.status;
        return status != null && isConflict(status);
      },
      execute: args => {
        const named = typeof args.id === 'string' ? tracker.find(panel => panel.id === args.id) : undefined;
        const opened = notebooks.of(named ?? tracker.currentWidget);
        return opened === null ? undefined : desk.decide(opened);
      }
    });
    palette?.addItem({ command: CommandIds.resolve, category: trans.__('Terra Workspace') });
    const loaded = await settings?.load(PLUGIN_ID);
    const asks = () => loaded?.composite.askAtOnce !== false;
    askOncePerConflict(notebooks, tracker, opened => (asks() ? desk.decide(opened) : undefined));
  }
};

/** Ask by itself when a conflict comes up, as soon as the person can see the notebook. */
function askOncePerConflict(
  notebooks: OpenNotebooks,
  tracker: INotebookTracker,
  ask: (opened: IOpenNotebook) => unknown
): void {
  const episodes = new WeakMap<IOpenNotebook, Episode>();
  const consider = (opened: IOpenNotebook) => {
    const episode = episodes.get(opened);
    const isSeen = opened.panel.isVisible && document.visibilityState === 'visible';
    if (episode?.isDue && isSeen) {
      episode.noteAsked();
      void ask(opened);
    }
  };
  const considerAll = () => notebooks.all.forEach(consider);
  notebooks.forEach(opened => {
    const episode = new Episode();
    episodes.set(opened, episode);
    const note = () => {
      if (opened.state.status !== null) {
        episode.note(opened.state.status);
        consider(opened);
      }
    };
    opened.state.statusTold.connect(note);
    note();
  });
  tracker.currentChanged.connect(considerAll);
  document.addEventListener('visibilitychange', considerAll);
}

interface ITools {
  readonly rendermime: IRenderMimeRegistry;
  readonly editors: IEditorServices;
  readonly translator: ITranslator;
}

/** One dialog at a time for each notebook, until something is decided or put off. */
class ConflictDesk {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _documents: IDocumentManager,
    private readonly _tools: ITools,
    private readonly _trans: TranslationBundle
  ) {}

  async decide(opened: IOpenNotebook): Promise<void> {
    if (this._deciding.has(opened)) {
      return;
    }
    this._deciding.add(opened);
    try {
      await this._decide(opened);
    } catch (error) {
      const title = this._trans.__('Nothing was decided about “%1”', nameOf(opened.state.path));
      await showErrorMessage(title, error instanceof Error ? error.message : String(error));
    } finally {
      this._deciding.delete(opened);
    }
  }

  private async _decide(opened: IOpenNotebook): Promise<void> {
    for (let changedAgain = false; ; changedAgain = true) {
      const conflict = await this._conflictOf(opened);
      if (conflict === null) {
        return;
      }
      const choice = await this._ask(opened, conflict, changedAgain);
      if (choice === null || (await this._take(opened, conflict, choice))) {
        return;
      }
    }
  }

  /** Null: there is none any more. */
  private async _conflictOf({ state }: IOpenNotebook): Promise<IConflict | null> {
    try {
      return await getConflict(this._settings, state.path);
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason !== 'no-conflict') {
        throw error;
      }
      state.setStatus(await getStatus(this._settings, state.path));
      return null;
    }
  }

  /** Take a way out; false: theirs has changed since the person was shown it, and nothing was done. */
  private async _take(
    opened: IOpenNotebook,
    conflict: IConflict,
    choice: Resolution
  ): Promise<boolean> {
    const screen = screenOf(opened.panel);
    try {
      await whileNothingIsSaved(opened.panel, async () => {
        const done = await resolve(this._settings, opened.state.path, choice, conflict, screen);
        await (done.status === null ? this._leave(opened, screen, done) : this._show(opened, screen, done, done.status));
      });
      return true;
    } catch (error) {
      if (!(error instanceof Refusal) || !['remote-changed', 'remote-deleted'].includes(error.reason ?? '')) {
        throw error;
      }
      return false;
    }
  }

  /** Show what was decided, and say where the person's own version is. */
  private async _show(
    { panel, state }: IOpenNotebook,
    screen: INotebookContent,
    done: IResolved,
    status: INotebookStatus
  ): Promise<void> {
    await this._keepWhatCameSince(panel, screen);
    await showServerVersion(panel);
    state.setStatus(status);
    this._tellKept(done.keptEdits);
  }

  /** The notebook is gone: show the file with the person's version instead. */
  private async _leave({ panel }: IOpenNotebook, screen: INotebookContent, done: IResolved): Promise<void> {
    await this._keepWhatCameSince(panel, screen);
    this._tellKept(done.keptEdits);
    if (done.keptEdits !== null) {
      this._documents.openOrReveal(done.keptEdits);
    }
    panel.context.model.dirty = false; // it is in that file
    panel.close();
  }

  /** What was typed or printed after the screen was taken is in no file yet. */
  private async _keepWhatCameSince(panel: NotebookPanel, screen: INotebookContent): Promise<void> {
    if (!sameCells(screen, screenOf(panel))) {
      const contents = this._app.serviceManager.contents;
      this._tellKept(await keepScreen(contents, panel, this._trans.__('my edits')));
    }
  }

  private _tellKept(path: string | null): void {
    if (path === null) {
      return;
    }
    Notification.success(this._trans.__('Your version is kept as “%1”.', nameOf(path)), {
      autoClose: 15_000,
      actions: [{ label: this._trans.__('Open'), callback: () => void this._documents.openOrReveal(path) }]
    });
  }

  private async _ask(
    { panel, state }: IOpenNotebook,
    conflict: IConflict,
    changedAgain: boolean
  ): Promise<Resolution | null> {
    const trans = this._trans;
    const offered = choices(conflict, trans);
    const body = new Panel();
    body.addClass('jp-terra-Conflict');
    body.addWidget(
      ReactWidget.create(
        <ConflictIntroduction
          sentence={state.status?.message ?? ''}
          changedAgain={changedAgain}
          theirsUpdated={conflict.theirsUpdated}
          isTooLarge={conflict.theirs === null && !conflict.isDeleted}
          choices={offered}
          trans={trans}
        />
      )
    );
    if (conflict.theirs !== null) {
      const { diffView } = await import('../diffview');
      body.addWidget(ReactWidget.create(<DiffHeads theirs={trans.__('Theirs, in the workspace')} mine={trans.__('Yours, on the screen')} />));
      body.addWidget(await diffView({ theirs: conflict.theirs, mine: screenOf(panel), ...this._tools }));
    }
    const dialog = new Dialog<unknown>({
      title: conflict.isDeleted
        ? trans.__('“%1” was deleted in the workspace', nameOf(state.path))
        : trans.__('“%1” has two versions', nameOf(state.path)),
      body: body as any, // a widget without a value
      buttons: [Dialog.cancelButton({ label: trans.__('Decide Later') }), ...offered.map(asButton)],
      defaultButton: 0 // whoever is typing when it comes up decides nothing
    });
    dialog.addClass('jp-terra-ConflictDialog');
    const answer = await dialog.launch();
    return offered.find(choice => answer.button.actions.includes(choice.resolution))?.resolution ?? null;
  }

  private get _settings() {
    return this._app.serviceManager.serverSettings;
  }

  private readonly _deciding = new Set<IOpenNotebook>();
}

function asButton(choice: IChoice): Readonly<Dialog.IButton> {
  const options = { label: choice.label, caption: choice.explanation, actions: [choice.resolution] };
  return choice.replaces ? Dialog.warnButton(options) : Dialog.okButton(options);
}

function DiffHeads({ theirs, mine }: { theirs: string; mine: string }): JSX.Element {
  return (
    <div className="jp-terra-Conflict-heads">
      <span>{theirs}</span>
      <span>{mine}</span>
    </div>
  );
}
