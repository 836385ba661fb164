import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification, showErrorMessage } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookContent } from '@jupyterlab/nbformat';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import type { ConflictChoices } from '../conflict/choices';
import { ConflictPrompt, choices } from '../conflict/prompt';
import { mergeNotes, mineHead, theirsHead, whyNoMerge } from '../conflict/words';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { nameOf } from '../names';
import { IPlace, placeOf } from '../notebookplace';
import { sameCells } from '../conflict/notebookdiff';
import { present } from '../present';
import { IConflict, IResolved, Refusal, Resolution, getConflict, getStatus, resolve } from '../restapi';
import { keepScreen, screenOf, showServerVersion, whileNothingIsSaved } from '../notebookcontent';
import { INotebookStatus, isConflict } from '../status';
import { CommandIds, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';
import { moment } from '../when';

const PLUGIN_ID = `${EXTENSION}:conflicts`;

/** Asks what is to become of two versions, once for each conflict, and does it. */
export const conflictsPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Shows both versions of a notebook in conflict, and does what is decided.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker, IDocumentManager],
  optional: [ITranslator, ISettingRegistry, ICommandPalette],
  activate: async (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    translator: ITranslator | null,
    settings: ISettingRegistry | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const desk = new ConflictDesk(app, documents, trans);
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
  const episodes = new WeakMap<object, ConflictPrompt>();
  const consider = (opened: IOpenNotebook) => {
    const episode = episodes.get(opened.panel.context);
    const isSeen = opened.panel.isVisible && document.visibilityState === 'visible';
    if (episode?.isDue && isSeen) {
      episode.noteAsked();
      void ask(opened);
    }
  };
  const considerAll = () => notebooks.all.forEach(consider);
  notebooks.forEach(opened => {
    // Several views of one document are asked about once.
    const episode = episodes.get(opened.panel.context) ?? new ConflictPrompt();
    episodes.set(opened.panel.context, episode);
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

/** One dialog at a time for each notebook, until something is decided or put off. */
class ConflictDesk {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _documents: IDocumentManager,
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
    let model: ConflictChoices | null = null;
    // Whoever has decided about a notebook goes on in it.
    const place = { ...placeOf(opened.panel), hasFocus: true };
    for (let changedAgain = false; ; changedAgain = true) {
      const conflict = await this._conflictOf(opened);
      if (conflict === null) {
        return;
      }
      const { modelOf } = await import('../conflict/dialog');
      model = modelOf(conflict, screenOf(opened.panel), model);
      const choice = await this._ask(opened, conflict, model, changedAgain);
      if (choice === null || (await this._take(opened, conflict, { choice, model, place }))) {
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

  /** Take a way out; false: a version has changed since the person was shown it, and nothing was done. */
  private async _take(opened: IOpenNotebook, conflict: IConflict, decision: IDecision): Promise<boolean> {
    return whileNothingIsSaved(opened.panel, async () => {
      const screen = screenOf(opened.panel);
      const { choice, model, place } = decision;
      const merged = choice === 'merge' ? (model?.compose(screen) ?? null) : null;
      if (choice === 'merge' && merged === null) {
        return false;
      }
      for (let seen = conflict; ; ) {
        try {
          const done = await resolve(this._settings, opened.state.path, choice, seen, screen, merged);
          await (done.status === null ? this._leave(opened, screen, done) : this._show(opened, screen, done, { status: done.status, place }));
          return true;
        } catch (error) {
          if (!(error instanceof Refusal) || !MOVED.includes(error.reason ?? '')) {
            throw error;
          }
          const now = error.reason === 'mine-changed' ? await this._savedHere(opened, seen, screen) : null;
          if (now === null) {
            return false;
          }
          seen = now;
        }
      }
    });
  }

  /** What there is to be named instead, if the working copy has only become what this tab shows; null: somebody else wrote. */
  private async _savedHere(
    opened: IOpenNotebook,
    seen: IConflict,
    screen: INotebookContent
  ): Promise<IConflict | null> {
    const now = await this._conflictOf(opened);
    const isOwnSave = now !== null && now.mineVersion !== seen.mineVersion && now.mine !== null && sameCells(now.mine, screen);
    return isOwnSave && now.theirsVersion === seen.theirsVersion ? now : null;
  }

  /** Show what was decided, and say where the person's own version is. */
  private async _show(
    { panel, state }: IOpenNotebook,
    screen: INotebookContent,
    done: IResolved,
    { status, place }: { status: INotebookStatus; place: IPlace }
  ): Promise<void> {
    await this._keepWhatCameSince(panel, screen);
    await showServerVersion(panel, place);
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
    { state }: IOpenNotebook,
    conflict: IConflict,
    model: ConflictChoices | null,
    changedAgain: boolean
  ): Promise<Resolution | null> {
    const trans = this._trans;
    const now = present();
    const { ConflictDialog, whoMoved } = await import('../conflict/dialog');
    const dialog = new ConflictDialog(
      conflict.isDeleted
        ? trans.__('“%1” was deleted in the workspace', nameOf(state.path))
        : trans.__('“%1” has two versions', nameOf(state.path)),
      {
        sentence: bothVersions(state.status, trans),
        changedAgain,
        whyNoMerge: whyNoMerge({ ...conflict, hasTheirs: conflict.theirs !== null }, trans),
        choices: choices({ isDeleted: conflict.isDeleted, canMerge: model !== null }, trans),
        model,
        heads: {
          base: conflict.base === null ? null : trans.__('What both of you began with'),
          mine: mineHead(moment(conflict.mineUpdated, now), trans),
          theirs: theirsHead(conflict.theirsBy, moment(conflict.theirsUpdated, now), trans)
        },
        notes: model === null ? [] : mergeNotes(conflict.base !== null, whoMoved(model.rows, model.versions), trans),
        trans
      }
    );
    return dialog.decision();
  }

  private get _settings() {
    return this._app.serviceManager.serverSettings;
  }

  private readonly _deciding = new Set<IOpenNotebook>();
}

interface IDecision {
  readonly choice: Resolution;
  readonly model: ConflictChoices | null;
  /** Where the person was when they were asked. */
  readonly place: IPlace;
}

/** What there is to know of a conflict; what can be done are the dialog's buttons. */
function bothVersions(status: INotebookStatus | null, trans: TranslationBundle): string {
  return status?.reason === 'remote-changed'
    ? trans.__(
        'This notebook was changed in the workspace since you opened it. Your version is kept on this disk, theirs in the workspace; nothing was overwritten.'
      )
    : (status?.message ?? '');
}

/** Refusals after which the person looks again. */
const MOVED = ['remote-changed', 'remote-deleted', 'mine-changed'];
