/** Whether a person can see a widget: its tab is in front, and so is the browser's. */

import { MessageLoop } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';

export function isSeen(widget: Widget): boolean {
  return widget.isVisible && document.visibilityState === 'visible';
}

/** Call back when it may have changed whether a widget is seen, until it is disposed. */
export function followVisibility(widget: Widget, act: () => void): void {
  const hook = (_: unknown, message: { readonly type: string }) => {
    if (['after-show', 'after-hide', 'after-attach'].includes(message.type)) {
      act();
    }
    return true;
  };
  MessageLoop.installMessageHook(widget, hook);
  document.addEventListener('visibilitychange', act);
  widget.disposed.connect(() => {
    MessageLoop.removeMessageHook(widget, hook);
    document.removeEventListener('visibilitychange', act);
  });
}
