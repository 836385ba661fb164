import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ModePaths } from '../modepaths';
import { OpenNotebooks } from '../model';
import { showServerVersion } from '../notebookcontent';
import { getStatus, serverPart } from '../restapi';
import { SaveQueues } from '../savequeue';
import { CommandIds, EXTENSION, IOpenNotebooks, ISaveQueues, NO_ARGS, TRANSLATION_DOMAIN } from '../tokens';

/** Earlier versions of notebooks, which the bucket has kept. */
export const versionsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:versions`,
  description: 'Lists earlier versions of notebooks, restores and copies them.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker, IDocumentManager],
  optional: [ISaveQueues, IFileBrowserFactory, ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    saves: SaveQueues | null,
    browsers: IFileBrowserFactory | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const folders = new ModePaths(serverPart().pairs);
    const settings = app.serviceManager.serverSettings;
    const queues = saves ?? new SaveQueues();
    const host = {
      settings,
      trans,
      open: (path: string) => void documents.openOrReveal(path),
      restore: async (path: string, generation: string) => {
        const { restoreVersion } = await import('../versions/api');
        const opened = notebooks.of(tracker.find(panel => notebooks.of(panel)?.state.path === path) ?? null);
        if (opened === null) {
          await restoreVersion(settings, path, generation);
          return;
        }
        const { panel, state } = opened;
        if (panel.context.model.dirty) {
          await panel.context.save(); // what is on the screen becomes a version of its own
        }
        await queues.exclusively(panel.context, async () => {
          await restoreVersion(settings, path, generation);
          await showServerVersion(panel);
          state.setStatus(await getStatus(settings, path));
        });
      }
    };
    const add = (id: string, pathOf: () => string | null, hides = false) => {
      const path = () => {
        const found = pathOf();
        return found !== null && folders.modeOf(found) === 'edit' ? found : null;
      };
      app.commands.addCommand(id, {
        describedBy: { args: NO_ARGS },
        label: trans.__('Earlier Versions…'),
        isEnabled: () => path() !== null,
        isVisible: () => !hides || path() !== null,
        execute: async () => {
          const found = path();
          if (found !== null) {
            const { showVersions } = await import('../versions/dialog');
            await showVersions(host, found);
          }
        }
      });
    };
    add(CommandIds.versions, () => notebooks.of(tracker.currentWidget)?.state.path ?? null);
    const chosen = () => {
      const [item, ...others] = browsers?.tracker.currentWidget?.selectedItems() ?? [];
      return item?.type === 'notebook' && others.length === 0 ? item.path : null;
    };
    add(CommandIds.browserVersions, chosen, true);
    palette?.addItem({ command: CommandIds.versions, category: trans.__('Terra Workspace') });
  }
};
