/**
 * What a page that shows Jupyter in a frame hears and says: plain texts, without any content.
 *
 * Terra UI sends `save` and waits for `saved`; the All of Us Workbench logs people out who seem to be away.
 */

/** What is sent to the page around this one. */
export type HostMessage = 'dirty' | 'saved' | 'close' | 'USER_ACTIVITY_DETECTED';

export interface IHostPage {
  /** Send a text to the page around this one. */
  send: (message: HostMessage) => void;
  /** Save all notebooks that have changes. */
  save: () => void;
  /** The time, in milliseconds. */
  now: () => number;
}

const ACTIVITY_MS = 1000;

/** Follows open notebooks, and says what changes for all of them together. */
export class HostPage {
  constructor(private readonly _page: IHostPage) {}

  /** A message has come from the page around this one. */
  receive(message: unknown): void {
    if (message === 'save') {
      if (this._dirty.size === 0) {
        this._page.send('saved');
      } else {
        this._page.save();
      }
    }
  }

  /** A notebook has changes that are not saved, or has none any more. */
  setDirty(notebook: object, dirty: boolean): void {
    const before = this._dirty.size > 0;
    if (dirty) {
      this._dirty.add(notebook);
    } else {
      this._dirty.delete(notebook);
    }
    const now = this._dirty.size > 0;
    if (now !== before) {
      this._page.send(now ? 'dirty' : 'saved');
    }
  }

  /** A notebook was closed. */
  close(notebook: object, isLast: boolean): void {
    this.setDirty(notebook, false);
    if (isLast) {
      this._page.send('close');
    }
  }

  /** The person has done something; said at most once a second. */
  noteActivity(): void {
    const now = this._page.now();
    if (now - this._saidAt >= ACTIVITY_MS) {
      this._saidAt = now;
      this._page.send('USER_ACTIVITY_DETECTED');
    }
  }

  private readonly _dirty = new Set<object>();
  private _saidAt = -Infinity;
}
