/** Where a person is in a notebook, so that another version of it can be shown without losing the place. */

import type { NotebookPanel } from '@jupyterlab/notebook';

/** Show another version, and come back to the same cell and the same height. */
export async function keepingPlace<T>(panel: NotebookPanel, show: () => Promise<T>): Promise<T> {
  const notebook = panel.content;
  const scroller = scrollerOf(panel);
  const [top, id, index] = [scroller.scrollTop, notebook.activeCell?.model.id, notebook.activeCellIndex];
  const shown = await show();
  const same = notebook.widgets.findIndex(cell => cell.model.id === id);
  notebook.activeCellIndex = same >= 0 ? same : Math.min(index, notebook.widgets.length - 1);
  scroller.scrollTop = top;
  // Cells that are drawn later move what is above them.
  requestAnimationFrame(() => (scroller.scrollTop = top));
  return shown;
}

/** JupyterLab 4.2 and later scroll a node within the notebook's when they draw only what is in sight. */
function scrollerOf({ content }: NotebookPanel): HTMLElement {
  return content.node.querySelector<HTMLElement>('.jp-WindowedPanel-outer') ?? content.node;
}
