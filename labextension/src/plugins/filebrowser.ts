import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { DirListing, FileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';
import { showMark } from '../components/mark';
import { FolderPairs } from '../folderpairs';
import { Marks } from '../marks';
import { OpenNotebooks } from '../model';
import { folderOf } from '../names';
import { Refusal, getStatus } from '../restapi';
import { exists } from '../screen';
import { INotebookStatus, isFields, parseStatus } from '../status';
import { CommandIds, EVENT_SCHEMA, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';

/** Marks in the folders of workspaces, and what can be done with their notebooks without opening them. */
export const fileBrowserPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:file-browser`,
  description: 'Marks notebooks in workspace folders, and opens them in playground or preview.',
  autoStart: true,
  requires: [IOpenNotebooks, IFileBrowserFactory, IDocumentManager],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    browsers: IFileBrowserFactory,
    documents: IDocumentManager,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    markEntries(app, browsers, trans);
    const folders = new WorkspaceFolders(app, notebooks);
    const followed = new Set<FileBrowser>();
    const chosen = (): Contents.IModel | null => {
      const browser = browsers.tracker.currentWidget;
      const items = browser === null ? [] : [...browser.selectedItems()];
      return items.length === 1 && items[0].type === 'notebook' ? items[0] : null;
    };
    const follow = (browser: FileBrowser) => {
      if (!followed.has(browser)) {
        followed.add(browser);
        browser.model.refreshed.connect(() => void folders.learn(browser.model));
      }
    };
    browsers.tracker.forEach(follow);
    browsers.tracker.widgetAdded.connect((_, browser) => follow(browser));

    const add = (id: string, label: string, suits: (path: string) => boolean, act: (path: string) => unknown) =>
      app.commands.addCommand(id, {
        label,
        isVisible: () => {
          const item = chosen();
          return item !== null && suits(item.path);
        },
        execute: async () => {
          const item = chosen();
          try {
            await (item === null ? undefined : act(item.path));
          } catch (error) {
            await showErrorMessage(label, error instanceof Error ? error.message : String(error));
          }
        }
      });
    add(CommandIds.browserPlayground, trans.__('Open in Playground'), path => folders.isEdit(path), async path => {
      const other = await folders.playgroundPath(path);
      if (other === null) {
        throw new Error(trans.__('The playground of this workspace was not found.'));
      }
      documents.openOrReveal(other);
    });
    add(CommandIds.browserEdit, trans.__('Open in Edit'), path => folders.editPath(path) !== null, path =>
      documents.openOrReveal(folders.editPath(path) ?? path)
    );
    add(CommandIds.browserPreview, trans.__('Preview'), path => folders.isOfWorkspace(path), path =>
      app.commands.execute(CommandIds.preview, { path })
    );
  }
};

/** JupyterLab draws entries with one class in every file browser; there is no hook for marks. */
function markEntries(app: JupyterFrontEnd, browsers: IFileBrowserFactory, trans: TranslationBundle): void {
  const marks = new Marks();
  const draw = DirListing.Renderer.prototype.updateItemNode;
  DirListing.Renderer.prototype.updateItemNode = function (node, model, ...rest) {
    draw.call(this, node, model, ...rest);
    showMark(node, marks.of(model), trans);
    showSentence(node, model);
  };
  const follow = (browser: FileBrowser) => {
    browser.model.refreshed.connect(() => marks.listed(browser.model.items()));
    redraw(browser); // what was drawn before
  };
  browsers.tracker.forEach(follow);
  browsers.tracker.widgetAdded.connect((_, browser) => follow(browser));
  app.serviceManager.events.stream.connect((_, event) => {
    const status = event.schema_id === EVENT_SCHEMA ? parseStatus(event) : null;
    if (status !== null && marks.note(status.path, event)) {
      browsers.tracker.forEach(redraw);
    }
  });
}

/** What the server says of an entry (it hides another, its name keeps it from the workspace), when it is pointed at. */
function showSentence(node: HTMLElement, model: Contents.IModel): void {
  const entry: Contents.IModel & { readonly terra?: unknown } = model;
  const sentence = isFields(entry.terra) && typeof entry.terra.message === 'string' ? entry.terra.message : '';
  if (sentence !== '' && !node.title.includes(sentence)) {
    node.title = `${node.title}\n${sentence}`.trim();
  }
}

function redraw(widget: Widget): void {
  if (widget instanceof DirListing) {
    widget.update();
  }
  for (const child of widget.children()) {
    redraw(child);
  }
}

/** Which folders belong to workspaces: asked once for each that is shown, with the first notebook in it. */
class WorkspaceFolders {
  constructor(
    private readonly _app: JupyterFrontEnd,
    notebooks: OpenNotebooks
  ) {
    notebooks.forEach(({ state }) => state.statusTold.connect((_, { now }) => this._note(now)));
  }

  async learn(model: FileBrowser['model']): Promise<void> {
    const folder = folderOf(`${model.path}/`);
    const first = [...model.items()].find(item => item.type === 'notebook');
    if (first === undefined || this._known.has(folder)) {
      return;
    }
    this._known.set(folder, null);
    try {
      this._note(await getStatus(this._app.serviceManager.serverSettings, first.path));
    } catch (error) {
      // A notebook that only the bucket has is not on this disk: its folder belongs to a workspace all the same.
      if (error instanceof Refusal && error.reason === 'not-found') {
        this._known.set(folder, this._guessed(folder));
      }
    }
  }

  isOfWorkspace(path: string): boolean {
    return this._mode(path) !== null;
  }

  isEdit(path: string): boolean {
    return this._mode(path) === 'edit';
  }

  editPath(path: string): string | null {
    return this._mode(path) === 'playground' ? (this._pairs.toEdit(path) ?? swapped(path, PLAYGROUND, EDIT)) : null;
  }

  /** The path in the playground, if there is such a notebook. */
  async playgroundPath(path: string): Promise<string | null> {
    const other = this._pairs.toPlayground(path) ?? swapped(path, EDIT, PLAYGROUND);
    return other !== null && (await exists(this._app.serviceManager.contents, other)) ? other : null;
  }

  private _note(status: INotebookStatus): void {
    this._known.set(folderOf(status.path), status.mode);
    this._pairs.learn(status.editPath, status.playgroundPath);
  }

  private _mode(path: string): 'edit' | 'playground' | null {
    return this._known.get(folderOf(path)) ?? null;
  }

  private _guessed(folder: string): 'edit' | 'playground' {
    return folder.split('/')[1] === PLAYGROUND ? 'playground' : 'edit';
  }

  /** None: not asked; null: of no workspace, as far as is known. */
  private readonly _known = new Map<string, 'edit' | 'playground' | null>();
  private readonly _pairs = new FolderPairs();
}

/** The folders' names unless a server is set otherwise. */
const EDIT = 'edit';
const PLAYGROUND = 'playground';

function swapped(path: string, from: string, to: string): string | null {
  const parts = path.split('/');
  return parts[1] === from ? [parts[0], to, ...parts.slice(2)].join('/') : null;
}
