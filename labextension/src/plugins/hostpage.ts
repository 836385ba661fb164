import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { HostPage } from '../hostpage';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { EXTENSION, IOpenNotebooks } from '../tokens';

const ACTS = ['mousedown', 'keydown', 'wheel', 'click'];

/** Speaks to Terra UI or the All of Us Workbench, where one of them shows this page in a frame. */
export const hostPagePlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:host-page`,
  description: 'Answers the page that shows Jupyter in a frame: save, dirty, saved, close, activity.',
  autoStart: true,
  requires: [IOpenNotebooks],
  activate: (_: JupyterFrontEnd, notebooks: OpenNotebooks) => {
    if (window.parent === window) {
      return;
    }
    const open = new Set<IOpenNotebook>();
    const page = new HostPage({
      // The texts tell nothing that any page may not know, and the host's origin is not known here.
      send: message => window.parent.postMessage(message, '*'),
      save: () => open.forEach(({ panel }) => panel.context.model.dirty && void panel.context.save()),
      now: () => Date.now()
    });
    window.addEventListener('message', event => {
      if (event.source === window.parent) {
        page.receive(event.data);
      }
    });
    for (const act of ACTS) {
      window.addEventListener(act, () => page.noteActivity(), { capture: true, passive: true });
    }
    notebooks.forEach(opened => {
      const { panel, state } = opened;
      open.add(opened);
      state.changed.connect(() => page.setDirty(opened, state.tab.dirty));
      panel.disposed.connect(() => {
        open.delete(opened);
        page.close(opened, open.size === 0);
      });
    });
  }
};
