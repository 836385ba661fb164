import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import type { Widget } from '@lumino/widgets';
import { OpenNotebooks } from '../model';
import { isKeptOnDisk } from '../status';
import { EXTENSION, IOpenNotebooks } from '../tokens';

const ITEM = '@jupyterlab/docmanager-extension:saving-status';
const HIDDEN = 'jp-terra-Hidden';

/** Hides JupyterLab's "Saving completed" while the workspace has refused what was saved: the badge has the whole truth. */
export const savingWordPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:saving-word`,
  description: 'Hides "Saving completed" beside what the workspace has refused.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker],
  optional: [IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    statusBar: IStatusBar | null
  ) => {
    if (statusBar === null) {
      return;
    }
    const follow = () => {
      const opened = notebooks.of(tracker.currentWidget);
      const isCurrent = opened !== null && app.shell.currentWidget === opened.panel;
      const status = opened?.state.status;
      itemOf(statusBar)?.toggleClass(HIDDEN, isCurrent && status != null && isKeptOnDisk(status));
    };
    tracker.currentChanged.connect(follow);
    app.shell.currentChanged?.connect(follow);
    notebooks.forEach(({ state }) => state.changed.connect(follow));
  }
};

/** JupyterLab's own item; null where it is kept otherwise. */
function itemOf(statusBar: IStatusBar): Widget | null {
  const items = (statusBar as unknown as { _statusItems?: Record<string, { item?: Widget } | undefined> })._statusItems;
  return items?.[ITEM]?.item ?? null;
}
