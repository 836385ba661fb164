/**
 * Saves of one document, one after the other.
 *
 * JupyterLab starts a save while another is on its way, and marks the document clean when one ends, even if it was
 * edited meanwhile; such edits would wait for the next edit.
 */
export class SaveQueue {
  /**
   * @param save - JupyterLab's save of what is on the screen.
   */
  constructor(private readonly _save: () => Promise<void>) {}

  get inFlight(): boolean {
    return this._running !== null;
  }

  /** Note that what is on the screen was changed. */
  noteChange(): void {
    this._changed = true;
  }

  /** Note that what is on the screen is being taken for a save. */
  noteTaken(): void {
    this._changed = false;
  }

  /** Whether edits came after the content of the last save was taken. */
  get changedSinceTaken(): boolean {
    return this._changed;
  }

  /** Save, after the save that is on its way; once for all who ask meanwhile, not at all if nothing was changed. */
  save(): Promise<void> {
    if (this._running === null) {
      return this._start();
    }
    this._next ??= this._running.then(() => {
      this._next = null;
      return this._changed ? this._start() : undefined;
    });
    // A failed save fails for those who wait, too: it is tried again when it is due.
    this._next.catch(() => (this._next = null));
    return this._next;
  }

  /**
   * Do something that replaces what is on the screen, with no save under way: a save of what was there before must not
   * come after it.
   *
   * @param act - is called when the save that is on its way has ended. Saves that are asked for meanwhile wait.
   */
  async exclusively<T>(act: () => Promise<T>): Promise<T> {
    while (this._running !== null) {
      await this._running.catch(() => undefined); // its caller gets the error
    }
    const done = act().then(result => {
      this._changed = false; // what came from the server is no edit
      return result;
    });
    void this._follow(done.then(nothing, nothing));
    return done;
  }

  private _start(): Promise<void> {
    return this._follow(this._save());
  }

  private _follow(act: Promise<void>): Promise<void> {
    const running = act.finally(() => {
      if (this._running === running) {
        this._running = null;
      }
    });
    this._running = running;
    return running;
  }

  private _changed = false;
  private _running: Promise<void> | null = null;
  private _next: Promise<void> | null = null;
}

/** The queues of open documents, by their contexts. A document without one saves as JupyterLab does. */
export class SaveQueues {
  has(context: object): boolean {
    return this._queues.has(context);
  }

  add(context: object, queue: SaveQueue): void {
    this._queues.set(context, queue);
  }

  /** Do something that ends with another version on the screen, while nothing is saved. */
  exclusively<T>(context: object, act: () => Promise<T>): Promise<T> {
    const queue = this._queues.get(context);
    return queue === undefined ? act() : queue.exclusively(act);
  }

  private readonly _queues = new WeakMap<object, SaveQueue>();
}

function nothing(): void {
  // Its caller gets the error.
}
