/** The state of open notebooks. Everything that shows it listens to it; no other state is kept. */

import type { NotebookPanel } from '@jupyterlab/notebook';
import { ISignal, Signal } from '@lumino/signaling';
import { INotebookStatus, isHeldElsewhere, updatedByEvent, updatedByModel } from './status';
import type { ITabs, TabAction } from './tabs';
import type { ITabState } from './views';

/** What is known about one open notebook. */
export class NotebookState {
  /**
   * @param inWords - puts the server's sentences into the person's language.
   */
  constructor(
    path: string,
    private readonly _inWords: (status: INotebookStatus) => INotebookStatus = status => status
  ) {
    this._path = path;
  }

  /** API path, without a drive. */
  get path(): string {
    return this._path;
  }

  /** The last status from the server; null: there was none, or it is no notebook of a workspace. */
  get status(): INotebookStatus | null {
    return this._status;
  }

  get tab(): ITabState {
    return this._tab;
  }

  /** Whether the person wants to be notified when no one else is editing. */
  get waiting(): boolean {
    return this._waiting;
  }

  /** Something was changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** A status has come from the server; it may be the same as before. */
  get statusReceived(): ISignal<this, { before: INotebookStatus | null; now: INotebookStatus }> {
    return this._statusReceived;
  }

  /** The server has sent which of several tabs edits. */
  get tabsReceived(): ISignal<this, ITabs> {
    return this._tabsReceived;
  }

  /** Send something to the server about the tabs of this notebook; lost while there is no connection. */
  say: (action: TabAction) => void = () => undefined;

  noteTabs(tabs: ITabs): void {
    this._tabsReceived.emit(tabs);
  }

  moveTo(path: string): void {
    this._path = path;
    this._status = null;
    this._changed.emit();
  }

  setStatus(received: INotebookStatus): void {
    const status = this._inWords(received);
    const before = this._status;
    this._status = status;
    if (!isHeldElsewhere(status)) {
      this._waiting = false;
    }
    this._changed.emit();
    this._statusReceived.emit({ before, now: status });
  }

  /** Take over the status in an answer of the contents API. */
  noteModel(model: unknown): void {
    if (this._status !== null) {
      this.setStatus(updatedByModel(this._status, model));
    }
  }

  /** Take over an event, if it is about this notebook. */
  noteEvent(event: INotebookStatus): void {
    if (event.path === this._path && this._status !== null) {
      this.setStatus(updatedByEvent(this._status, event));
    }
  }

  setTab(change: Partial<ITabState>): void {
    const tab = { ...this._tab, ...change };
    const same = (Object.keys(change) as (keyof ITabState)[]).every(key => tab[key] === this._tab[key]);
    if (!same) {
      this._tab = tab;
      this._changed.emit();
    }
  }

  /** Time has passed: what is said of it has changed. */
  tick(): void {
    this._changed.emit();
  }

  setWaiting(waiting: boolean): void {
    this._waiting = waiting;
    this._changed.emit();
  }

  dispose(): void {
    Signal.clearData(this);
  }

  private _path: string;
  private _status: INotebookStatus | null = null;
  private _tab: ITabState = { dirty: false, saving: false, saveFailed: false, readOnly: false, connection: 'none' };
  private _waiting = false;
  private _changed = new Signal<this, void>(this);
  private _tabsReceived = new Signal<this, ITabs>(this);
  private _statusReceived = new Signal<this, { before: INotebookStatus | null; now: INotebookStatus }>(this);
}

/** An open notebook and its state. */
export interface IOpenNotebook {
  readonly panel: NotebookPanel;
  readonly state: NotebookState;
}

/** All open notebooks of this page. */
export class OpenNotebooks {
  /** A notebook was opened. */
  get added(): ISignal<this, IOpenNotebook> {
    return this._added;
  }

  get all(): readonly IOpenNotebook[] {
    return this._all;
  }

  add(opened: IOpenNotebook): void {
    this._all.push(opened);
    opened.panel.disposed.connect(() => {
      this._all = this._all.filter(other => other !== opened);
      if (opened.panel.context.isDisposed) {
        opened.state.dispose();
      } else {
        opened.panel.context.disposed.connect(() => opened.state.dispose()); // another view follows it
      }
    });
    this._added.emit(opened);
  }

  /** Call with each notebook, those that are open and those to come. */
  forEach(act: (opened: IOpenNotebook) => void): void {
    this._all.forEach(act);
    this._added.connect((_, opened) => act(opened));
  }

  /** Notebooks shown under a path; the same one may be open more than once. */
  at(path: string): readonly IOpenNotebook[] {
    return this._all.filter(opened => opened.state.path === path);
  }

  of(panel: NotebookPanel | null): IOpenNotebook | null {
    return this._all.find(opened => opened.panel === panel) ?? null;
  }

  private _all: IOpenNotebook[] = [];
  private _added = new Signal<this, IOpenNotebook>(this);
}
