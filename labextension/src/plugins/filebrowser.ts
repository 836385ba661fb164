import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { DirListing, FileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';
import { showMark } from '../components/mark';
import { ModePaths } from '../modepaths';
import { Marks } from '../marks';
import { serverPart } from '../restapi';
import { exists } from '../notebookcontent';
import { parseStatus } from '../status';
import { CommandIds, EVENT_SCHEMA, EXTENSION, NO_ARGS, TRANSLATION_DOMAIN } from '../tokens';
import { isFields } from '../validate';

/** Marks in the folders of workspaces, and what can be done with their notebooks without opening them. */
export const fileBrowserPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:file-browser`,
  description: 'Marks notebooks in workspace folders, and opens them in playground or preview.',
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
    markEntries(app, browsers, trans);
    const folders = new ModePaths(serverPart().pairs);
    const chosen = (): Contents.IModel | null => {
      const browser = browsers.tracker.currentWidget;
      const [item, ...others] = browser?.selectedItems() ?? [];
      return item?.type === 'notebook' && others.length === 0 ? item : null;
    };

    const add = (id: string, label: string, suits: (path: string) => boolean, act: (path: string) => unknown) =>
      app.commands.addCommand(id, {
        describedBy: { args: NO_ARGS },
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
    add(
      CommandIds.browserPlayground,
      trans.__('Open in Playground'),
      path => folders.modeOf(path) === 'edit',
      async path => {
        const other = folders.toPlayground(path);
        if (other === null || !(await exists(app.serviceManager.contents, other))) {
          throw new Error(trans.__('The playground of this workspace was not found.'));
        }
        documents.openOrReveal(other);
      }
    );
    add(
      CommandIds.browserEdit,
      trans.__('Open in Edit'),
      path => folders.toEdit(path) !== null,
      path => documents.openOrReveal(folders.toEdit(path) ?? path)
    );
    add(
      CommandIds.browserPreview,
      trans.__('Preview'),
      path => folders.modeOf(path) !== null,
      path => app.commands.execute(CommandIds.preview, { path })
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
