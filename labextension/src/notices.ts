/** Notifications that are really shown: JupyterLab only lights a bell for those that do not say for how long. */

import { Notification } from '@jupyterlab/apputils';

const READABLE_MS = 15_000;

/**
 * Tell something about a file, and offer to open it.
 *
 * @param label - of the button.
 * @param open - opens it.
 */
export function noticeToOpen(message: string, label: string, open: () => unknown): void {
  Notification.info(message, {
    autoClose: READABLE_MS,
    actions: [{ label, displayType: 'accent', callback: () => void open() }]
  });
}

/** Tell that something could not be done; it stays until it is closed. */
export function noticeOfTrouble(message: string): void {
  Notification.warning(message, { autoClose: false });
}
