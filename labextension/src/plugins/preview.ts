import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { IFrame, notebookIcon } from '@jupyterlab/ui-components';
import { labIcon } from '../components/labicon';
import { OpenNotebooks } from '../model';
import { ITitle, titleOfPreview } from '../titles';
import { previewUrl } from '../restapi';
import { CommandIds, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';

/** A notebook to read: rendered by the server, without kernel and without edit lock. */
export const previewPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:preview`,
  description: 'Shows notebooks rendered, to be read only.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker],
  optional: [ILabShell, ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    labShell: ILabShell | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const settings = app.serviceManager.serverSettings;
    const pathOf = (args: { path?: unknown; id?: unknown }): string | null => {
      if (typeof args.path === 'string') {
        return args.path;
      }
      const named = tracker.find(panel => panel.id === args.id) ?? tracker.currentWidget;
      const state = notebooks.of(named)?.state;
      return state?.status == null ? null : state.path;
    };
    app.commands.addCommand(CommandIds.preview, {
      describedBy: {
        args: {
          type: 'object',
          properties: {
            id: { type: 'string', description: 'The id of the notebook panel' },
            path: { type: 'string', description: 'The API path of the notebook' }
          }
        }
      },
      label: trans.__('Preview'),
      caption: trans.__('Read this notebook without starting a kernel or locking it.'),
      isEnabled: args => pathOf(args) !== null,
      execute: async args => {
        const path = pathOf(args);
        if (path === null) {
          return;
        }
        if (labShell === null) {
          window.open(previewUrl(settings, path), '_blank', 'noopener');
        } else {
          showInTab(labShell, path, previewUrl(settings, path), titleOfPreview(PathExt.basename(path), trans));
        }
      }
    });
    palette?.addItem({ command: CommandIds.preview, category: trans.__('Terra Workspace') });
  }
};

function showInTab(shell: ILabShell, path: string, url: string, { label, icon }: ITitle): void {
  const id = `jp-terra-preview-${path}`;
  const shown = [...shell.widgets('main')].find(widget => widget.id === id);
  if (shown === undefined) {
    // The sandbox allows nothing: what a colleague has written runs nowhere.
    const frame = new IFrame({ sandbox: [], referrerPolicy: 'no-referrer' });
    frame.url = url;
    frame.node.querySelector('iframe')?.setAttribute('title', label);
    const tab = new MainAreaWidget({ content: frame });
    tab.id = id;
    tab.title.label = label;
    tab.title.icon = icon === null ? notebookIcon : labIcon(icon);
    tab.title.closable = true;
    shell.add(tab, 'main');
  }
  shell.activateById(id);
}
