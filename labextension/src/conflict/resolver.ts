/** Shows both versions of a notebook in conflict, and does what the person decides. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IOpenNotebook } from '../model';
import { keepScreen, screenOf, showServerVersion } from '../notebookcontent';
import { IPlace, placeOf } from '../notebookplace';
import { present } from '../present';
import { IConflict, IResolved, Refusal, Resolution, getConflict, getStatus, resolve } from '../restapi';
import type { SaveQueues } from '../savequeue';
import type { INotebookStatus } from '../status';
import { moment } from '../when';
import type { ConflictChoices } from './choices';
import { sameCells } from './notebookdiff';
import { choices } from './prompt';
import { mergeNotes, mineHead, theirsHead, whyNoMerge } from './words';

/** One dialog at a time for each notebook, until something is decided or put off. */
export class ConflictResolver {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _documents: IDocumentManager,
    private readonly _saves: SaveQueues,
    private readonly _trans: TranslationBundle
  ) {}

  /** Show both versions, and do what the person chooses; a notebook whose dialog is open is left alone. */
  async decide(opened: IOpenNotebook): Promise<void> {
    const { context } = opened.panel;
    if (this._deciding.has(context)) {
      return;
    }
    this._deciding.add(context);
    try {
      await this._decide(opened);
    } catch (error) {
      const title = this._trans.__('Nothing was decided about “%1”', PathExt.basename(opened.state.path));
      await showErrorMessage(title, error instanceof Error ? error.message : String(error));
    } finally {
      this._deciding.delete(context);
    }
  }

  private async _decide(opened: IOpenNotebook): Promise<void> {
    let model: ConflictChoices | null = null;
    // After the decision, the person goes on in this notebook.
    const place = { ...placeOf(opened.panel), hasFocus: true };
    for (let changedAgain = false; ; changedAgain = true) {
      const conflict = await this._conflictOf(opened);
      if (conflict === null) {
        return;
      }
      const { modelOf } = await import('./dialog');
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
    return this._saves.exclusively(opened.panel.context, async () => {
      const screen = screenOf(opened.panel);
      const { choice, model, place } = decision;
      const merged = choice === 'merge' ? (model?.compose(screen) ?? null) : null;
      if (choice === 'merge' && merged === null) {
        return false;
      }
      for (let seen = conflict; ;) {
        try {
          const done = await resolve(this._settings, opened.state.path, choice, seen, screen, merged);
          await (done.status === null
            ? this._leave(opened, screen, done)
            : this._show(opened, screen, done, { status: done.status, place }));
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

  /** The versions to name instead, if the working copy has only become what this tab shows; null: something else has changed. */
  private async _savedHere(
    opened: IOpenNotebook,
    seen: IConflict,
    screen: INotebookContent
  ): Promise<IConflict | null> {
    const now = await this._conflictOf(opened);
    const isOwnSave =
      now !== null && now.mineVersion !== seen.mineVersion && now.mine !== null && sameCells(now.mine, screen);
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
    this._notifyKept(done.keptEdits);
  }

  /** The notebook is gone: show the file with the person's version instead. */
  private async _leave({ panel }: IOpenNotebook, screen: INotebookContent, done: IResolved): Promise<void> {
    await this._keepWhatCameSince(panel, screen);
    this._notifyKept(done.keptEdits);
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
      this._notifyKept(await keepScreen(contents, panel, this._trans.__('my edits')));
    }
  }

  private _notifyKept(path: string | null): void {
    if (path === null) {
      return;
    }
    Notification.success(this._trans.__('Your version is kept as “%1”.', PathExt.basename(path)), {
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
    const { ConflictDialog, whoMoved } = await import('./dialog');
    // eslint-disable-next-line jupyter/require-disposable-ownership -- it disposes of itself once it is closed
    return new ConflictDialog(
      conflict.isDeleted
        ? trans.__('“%1” was deleted in the workspace', PathExt.basename(state.path))
        : trans.__('“%1” has two versions', PathExt.basename(state.path)),
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
    ).decision();
  }

  private get _settings() {
    return this._app.serviceManager.serverSettings;
  }

  /** The contexts of the notebooks whose dialog is open. */
  private readonly _deciding = new Set<object>();
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
