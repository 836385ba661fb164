import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, Notification, ReactWidget, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig, PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { DirListing, FileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { Contents, ServerConnection } from '@jupyterlab/services';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { Refusal } from '../restapi';
import type { IRemoval } from '../sharing';
import { markOf } from '../status';
import { CommandIds, EXTENSION, NO_ARGS, TRANSLATION_DOMAIN } from '../tokens';

const TOLD_MS = 12_000;
/** Files that are dropped together share one notification. */
const TOGETHER_MS = 1000;

/** Says what is shared and what is not: when files are uploaded, and before they are deleted. */
export const sharingPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:sharing`,
  description: 'Says which files stay on this disk, and for whom a deletion removes what.',
  autoStart: true,
  requires: [IFileBrowserFactory, IDocumentManager],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    browsers: IFileBrowserFactory,
    documents: IDocumentManager,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const settings = app.serviceManager.serverSettings;
    const follow = noteUploads(trans);
    browsers.tracker.forEach(follow);
    browsers.tracker.widgetAdded.connect((_, browser) => follow(browser));
    askBeforeDeleting(new Deletions(settings, documents, trans), app.serviceManager.contents, trans);
    // "Copy to the Workspace…" has its place beside it.
    app.commands.addCommand(CommandIds.browserWhere, {
      describedBy: { args: NO_ARGS },
      label: trans.__('On This Disk Only…'),
      isVisible: () => chosen(browsers) !== null,
      execute: async () => {
        const item = chosen(browsers);
        if (item !== null) {
          const { showDetails } = await import('../details');
          await showDetails(settings, { title: item.name, path: item.path, sentences: [] }, trans);
        }
      }
    });
  }
};

/** The one selected file, if it stays on this disk. */
function chosen(browsers: IFileBrowserFactory): Contents.IModel | null {
  const browser = browsers.tracker.currentWidget;
  const [item, ...others] = browser?.selectedItems() ?? [];
  const isChosen = item !== undefined && others.length === 0;
  return isChosen && markOf((item as { terra?: unknown }).terra) === 'this-disk' ? item : null;
}

/** Say once of each upload which of its files stay on this disk. */
function noteUploads(trans: TranslationBundle): (browser: FileBrowser) => void {
  const followed = new WeakSet<object>();
  let stays: string[] = [];
  let timer: number | null = null;
  const tell = async () => {
    const names = [...stays].sort();
    [stays, timer] = [[], null];
    const { uploadNotice } = await import('../sharing');
    const notice = uploadNotice(names, trans);
    if (notice !== null) {
      Notification.info(notice, { autoClose: TOLD_MS });
    }
  };
  return ({ model }) => {
    if (followed.has(model)) {
      return;
    }
    followed.add(model);
    const upload = model.upload.bind(model);
    model.upload = async (file, path) => {
      const saved = await upload(file, path);
      if (markOf((saved as { terra?: unknown }).terra) === 'this-disk') {
        stays.push(saved.name);
        window.clearTimeout(timer ?? undefined);
        timer = window.setTimeout(() => void tell(), TOGETHER_MS);
      }
      return saved;
    };
  };
}

/**
 * Ask before something of a workspace is deleted, for whom. JupyterLab's file browsers have one class and no hook for it;
 * other commands end in the contents API, and are asked about there.
 */
function askBeforeDeleting(deletions: Deletions, contents: Contents.IManager, trans: TranslationBundle): void {
  const stock = DirListing.prototype.delete;
  DirListing.prototype.delete = async function (this: DirListing) {
    const paths = [...this.selectedItems()].map(({ path }) => path);
    if (!(await deletions.handle(paths))) {
      await stock.call(this);
    }
  };
  const remove = contents.delete.bind(contents);
  contents.delete = async path => {
    if (await deletions.isMeant(path)) {
      return remove(path);
    }
    throw new Error(trans.__('Nothing was deleted.'));
  };
}

class Deletions {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _documents: IDocumentManager,
    private readonly _trans: TranslationBundle
  ) {}

  /**
   * Ask about files and folders, and delete them if that is meant.
   *
   * @returns false: this is JupyterLab's to do, because nothing of it belongs to a workspace.
   */
  async handle(paths: readonly string[]): Promise<boolean> {
    const removals = await this._look(paths);
    if (removals.length === 0 || removals.length < paths.length) {
      return false; // what is mixed is asked about one by one, below
    }
    if (await this._ask(removals)) {
      paths.forEach(path => this._meant.add(path));
      await Promise.all(paths.map(path => this._delete(path)));
    }
    return true;
  }

  /** Whether a deletion is meant: asked here if others would lose something and no one was asked yet. */
  async isMeant(path: string): Promise<boolean> {
    if (this._meant.delete(path)) {
      return true;
    }
    const removals = await this._look([path]);
    return removals.every(({ shared }) => shared.count === 0) || this._ask(removals);
  }

  private async _delete(path: string): Promise<void> {
    try {
      await this._documents.deleteFile(path);
    } catch (error) {
      const title = this._trans.__('“%1” was not deleted', PathExt.basename(path));
      await showErrorMessage(title, error instanceof Error ? error.message : String(error));
    } finally {
      this._meant.delete(path);
    }
  }

  private async _look(paths: readonly string[]): Promise<IRemoval[]> {
    try {
      const { getRemoval } = await import('../sharingapi');
      const removals = await Promise.all(paths.map(path => getRemoval(this._settings, path)));
      return removals.filter((removal): removal is IRemoval => removal !== null);
    } catch (error) {
      if (error instanceof Refusal) {
        return []; // it says so when the deletion is tried
      }
      throw error;
    }
  }

  private async _ask(removals: readonly IRemoval[]): Promise<boolean> {
    const { deletionView } = await import('../sharing');
    const toTrash = PageConfig.getOption('delete_to_trash') === 'true';
    const { title, sentences, button } = deletionView(removals, toTrash, this._trans);
    const cancel = button === null ? { label: this._trans.__('Close') } : {};
    const answer = await showDialog({
      title,
      body: ReactWidget.create(<Sentences sentences={sentences} />) as any, // a widget without a value
      buttons: [Dialog.cancelButton(cancel), ...(button === null ? [] : [Dialog.warnButton({ label: button })])],
      defaultButton: 0
    });
    return answer.button.accept;
  }

  /** What a person was asked about; the contents API is called next. */
  private readonly _meant = new Set<string>();
}

function Sentences({ sentences }: { readonly sentences: readonly string[] }): JSX.Element {
  return (
    <div className="jp-terra-Deletion">
      {sentences.map(sentence => (
        <p key={sentence}>{sentence}</p>
      ))}
    </div>
  );
}
