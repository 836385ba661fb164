/** The room in a toolbar of JupyterLab, which moves what has none into a popup, beginning with the kernel's state. */

import type { Toolbar } from '@jupyterlab/ui-components';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import type { IRoom } from './badgesize';

/** What JupyterLab's own items take, where it cannot be seen. */
const USUAL_WIDTH = 600;

/**
 * The room that there is.
 *
 * @param ours - names of this extension's items.
 * @returns null while the toolbar is not on the page.
 */
export function roomIn(toolbar: Toolbar, ours: readonly string[]): IRoom | null {
  const width = toolbar.node.clientWidth;
  if (width === 0) {
    return null;
  }
  const widths = widthsOf(toolbar);
  const others = [...widths].filter(([name]) => !ours.includes(name)).reduce((sum, [, item]) => sum + item, 0);
  return { toolbar: width, others: widths.size > ours.length ? others : USUAL_WIDTH };
}

/** Have a toolbar measure items again: it remembers how wide they were when they were first shown. */
export function measureAgain(toolbar: Toolbar, names: readonly string[]): void {
  const widths = widthsOf(toolbar);
  names.forEach(name => widths.delete(name));
  if (toolbar.isAttached && toolbar.isVisible) {
    MessageLoop.postMessage(toolbar, new Widget.ResizeMessage(toolbar.node.offsetWidth, toolbar.node.offsetHeight));
  }
}

/** The toolbar's own memory, of items in the popup as well; empty where it keeps it otherwise. */
function widthsOf(toolbar: Toolbar): Map<string, number> {
  const widths: unknown = (toolbar as unknown as { _widgetWidths?: unknown })._widgetWidths;
  return widths instanceof Map ? widths : new Map();
}
