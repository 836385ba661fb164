/** What a person has chosen so far about the versions of a notebook, where they are, and what their keys do. */

import { ISignal, Signal } from '@lumino/signaling';
import type { INotebookContent } from '@jupyterlab/nbformat';
import {
  Choice,
  IRow,
  IVersions,
  carried,
  choiceOf,
  compose,
  differences,
  optionsOf,
  threeWay,
  undecided
} from './threeway';

/** Rows that are the same and follow each other are one line until they are opened. */
export interface IFold {
  readonly rows: readonly IRow[];
}

/** What a key does while the list of differences has the focus. */
export const KEYS: Readonly<Record<string, (model: ConflictChoices) => void>> = {
  j: model => model.move(1),
  k: model => model.move(-1),
  n: model => model.moveToUndecided(),
  Home: model => model.moveTo(0),
  End: model => model.moveTo(Number.MAX_SAFE_INTEGER),
  '1': model => model.decide('mine'),
  '2': model => model.decide('theirs'),
  '3': model => model.decide('both')
};

export class ConflictChoices {
  constructor(versions: IVersions, merged: INotebookContent | null = null, before: ConflictChoices | null = null) {
    this._versions = versions;
    this._merged = merged;
    this._rows = threeWay(versions, merged);
    this._choices = before === null ? new Map<string, Choice>() : carried(before._rows, before._choices, this._rows);
    this._changes = differences(this._rows);
    const place = this._changes.findIndex(row => row.key === before?.current?.key);
    this._place = Math.max(place, 0);
  }

  /** Something was chosen, or another row has the person's attention. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get versions(): IVersions {
    return this._versions;
  }

  get rows(): readonly IRow[] {
    return this._rows;
  }

  /** What differs. */
  get changes(): readonly IRow[] {
    return this._changes;
  }

  get current(): IRow | null {
    return this._changes[this._place] ?? null;
  }

  /** From 0. */
  get place(): number {
    return this._place;
  }

  get open(): readonly IRow[] {
    return undecided(this._changes, this._choices);
  }

  /** The how manieth cell it is, from 1, counting those of all versions. */
  numberOf(row: IRow): number {
    return this._rows.filter(one => one.kind === 'cell').indexOf(row) + 1;
  }

  choiceOf(row: IRow): Choice | null {
    return choiceOf(row, this._choices);
  }

  /** Rows that differ, one by one; those between them, folded. */
  get lines(): (IRow | IFold)[] {
    const lines: (IRow | IFold)[] = [];
    let folded: IRow[] = [];
    const close = () => {
      if (folded.length > 0) {
        lines.push({ rows: folded });
        folded = [];
      }
    };
    for (const row of this._rows) {
      if (!row.isSame) {
        close();
        lines.push(row);
      } else if (row.kind === 'cell' && (row.mine !== null || row.theirs !== null)) {
        folded.push(row);
      }
    }
    close();
    return lines;
  }

  choose(row: IRow, choice: Choice): void {
    if (optionsOf(row).includes(choice)) {
      this._choices.set(row.key, choice);
      this._place = Math.max(this._changes.indexOf(row), 0);
      this._changed.emit();
    }
  }

  /** Choose for the current row, and go on to the next one that is undecided. */
  decide(choice: Choice): void {
    const { current } = this;
    if (current !== null && optionsOf(current).includes(choice)) {
      this.choose(current, choice);
      this.moveToUndecided();
    }
  }

  /** One choice for everything that is undecided. */
  decideRest(choice: 'mine' | 'theirs'): void {
    this.open.forEach(row => this._choices.set(row.key, choice));
    this._changed.emit();
  }

  move(by: number): void {
    this.moveTo(this._place + by);
  }

  moveTo(place: number): void {
    this._place = Math.min(Math.max(place, 0), Math.max(this._changes.length - 1, 0));
    this._changed.emit();
  }

  /** The next undecided row, from the first one on when there is none below. */
  moveToUndecided(): void {
    const places = this.open.map(row => this._changes.indexOf(row));
    const next = places.find(place => place > this._place) ?? places[0];
    if (next !== undefined) {
      this.moveTo(next);
    }
  }

  /** Take a key. */
  press(key: string): boolean {
    const act = KEYS[key.length === 1 ? key.toLowerCase() : key];
    act?.(this);
    return act !== undefined;
  }

  /**
   * The notebook that was decided, as it is with what is on the screen by now.
   *
   * @returns null when that needs another decision.
   */
  compose(mine: INotebookContent): INotebookContent | null {
    const now = new ConflictChoices({ ...this._versions, mine }, this._merged, this);
    const asked = new Set(this._changes.map(row => row.key));
    const isNew = (row: IRow) => !asked.has(row.key) && row.theirsDid !== 'unchanged' && row.theirsDid !== 'none';
    return now.open.length > 0 || now.changes.some(isNew) ? null : compose(now._rows, now._choices, now._versions);
  }

  private readonly _versions: IVersions;
  private readonly _merged: INotebookContent | null;
  private readonly _rows: IRow[];
  private readonly _changes: IRow[];
  private readonly _choices: Map<string, Choice>;
  private readonly _changed = new Signal<this, void>(this);
  private _place: number;
}
