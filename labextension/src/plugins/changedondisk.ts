import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { Contents } from '@jupyterlab/services';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { namesForCopy } from '../names';
import { keepScreen, showServerVersion, writeNew } from '../notebookcontent';
import { SaveQueues } from '../savequeue';
import { EXTENSION, IOpenNotebooks, ISaveQueues, TRANSLATION_DOMAIN } from '../tokens';

const TOLD_MS = 15_000;

/**
 * Asks what to do when a save would go over what another tab or a program has written to this disk. Both versions stay,
 * whatever is answered; JupyterLab's own question has an answer for which one is lost.
 */
export const changedOnDiskPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:changed-on-disk`,
  description: 'Asks what to do when a notebook was changed on this disk by another tab or a program.',
  autoStart: true,
  requires: [IOpenNotebooks, IDocumentManager],
  optional: [ISaveQueues, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    documents: IDocumentManager,
    saves: SaveQueues | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const guard = new ChangedOnDisk(app.serviceManager.contents, documents, saves ?? new SaveQueues(), trans);
    const { contents } = app.serviceManager;
    const get = contents.get.bind(contents);
    // JupyterLab asks so first in each save, and once more after it.
    const beginning = new Set<IOpenNotebook>();
    const known = new WeakSet<object>();
    notebooks.forEach(opened => {
      if (known.has(opened.panel.context)) {
        return; // another view of the same document: its saves are the same
      }
      known.add(opened.panel.context);
      opened.panel.context.saveState.connect((_, state) => {
        if (state === 'started') {
          beginning.add(opened);
        }
      });
      opened.panel.context.disposed.connect(() => beginning.delete(opened));
    });
    contents.get = async (path, options) => {
      const isQuestion = options?.content === false && options.hash === true;
      const saving = isQuestion
        ? [...beginning].find(opened => opened.state.path === path && beginning.delete(opened))
        : undefined;
      const model = await get(path, options);
      return saving !== undefined && isOther(saving, model) ? guard.decide(saving, model) : model;
    };
  }
};

/** Whether the disk holds something else than this tab has loaded or saved last. */
function isOther({ panel, state }: IOpenNotebook, { hash }: Contents.IModel): boolean {
  const known = panel.context.contentsModel?.hash;
  return state.status !== null && Boolean(known) && Boolean(hash) && known !== hash;
}

class ChangedOnDisk {
  constructor(
    private readonly _contents: Contents.IManager,
    private readonly _documents: IDocumentManager,
    private readonly _saves: SaveQueues,
    private readonly _trans: TranslationBundle
  ) {}

  /**
   * Ask once for each version that is found on the disk.
   *
   * @returns a model that lets the save go on.
   * @throws what JupyterLab takes for "do not save".
   */
  async decide(opened: IOpenNotebook, onDisk: Contents.IModel): Promise<Contents.IModel> {
    const choice = this._putOff.get(opened) === onDisk.hash ? 'later' : await this._ask(opened);
    if (choice === 'mine') {
      await this._keepOther(opened);
      return { ...onDisk, hash: opened.panel.context.contentsModel?.hash };
    }
    if (choice === 'later') {
      this._putOff.set(opened, onDisk.hash ?? '');
    }
    // JupyterLab says nothing of how such a save ends.
    opened.state.setTab({ saving: false, saveFailed: true });
    if (choice === 'theirs') {
      // After this save has ended.
      void Promise.resolve().then(() => this._show(opened));
    }
    const error = new Error('Cancel');
    error.name = 'ModalCancelError';
    throw error;
  }

  private async _ask({ state }: IOpenNotebook): Promise<'mine' | 'theirs' | 'later'> {
    const trans = this._trans;
    const answer = await showDialog({
      title: trans.__('“%1” was changed on this disk', PathExt.basename(state.path)),
      body: trans.__(
        'Another tab or a program has written another version of it since this tab loaded or saved it. Whichever you go on with, the other one is kept in a file beside it.'
      ),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Decide Later') }),
        Dialog.okButton({ label: trans.__('Go On with That One'), actions: ['theirs'], accept: true }),
        Dialog.okButton({ label: trans.__('Go On with Mine'), actions: ['mine'], accept: true })
      ],
      defaultButton: 0 // a person who is typing when it opens decides nothing by accident
    });
    const { actions } = answer.button;
    return actions.includes('mine') ? 'mine' : actions.includes('theirs') ? 'theirs' : 'later';
  }

  private async _keepOther({ panel }: IOpenNotebook): Promise<void> {
    const path = panel.context.localPath;
    const { content } = await this._contents.get(path, { type: 'notebook', content: true });
    const names = namesForCopy(path, this._trans.__('other version'));
    this._notifyKept(await writeNew(this._contents, content as INotebookContent, names));
  }

  private async _show(opened: IOpenNotebook): Promise<void> {
    const { panel, state } = opened;
    await this._saves.exclusively(panel.context, async () => {
      this._notifyKept(await keepScreen(this._contents, panel, this._trans.__('my edits')));
      await showServerVersion(panel);
    });
    this._putOff.delete(opened);
    state.setTab({ saveFailed: false });
  }

  private _notifyKept(path: string): void {
    Notification.info(this._trans.__('The other version is kept as “%1”.', PathExt.basename(path)), {
      autoClose: TOLD_MS,
      actions: [{ label: this._trans.__('Open'), callback: () => void this._documents.openOrReveal(path) }]
    });
  }

  /** The version that was on the disk when a decision was put off. */
  private readonly _putOff = new WeakMap<IOpenNotebook, string>();
}
