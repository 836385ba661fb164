/** Base, mine and theirs of a notebook side by side, and the notebook that choices make of them. Pure. */

import type { ICell, INotebookContent } from '@jupyterlab/nbformat';
import { mergedCell, mergedFields, sameCell } from './cellmerge';
import { pairs } from './cellpairs';

/** What a version did to a cell; `unknown`: what both began with is not known. */
export type Act = 'unchanged' | 'changed' | 'added' | 'deleted' | 'none' | 'unknown';

export type Choice = 'mine' | 'theirs' | 'both';

/** A cell in all versions; null where a version does not have it. */
export interface IRow {
  /** Names the row as long as its cells are the same ones. */
  readonly key: string;
  /** `notebook`: the details of the whole notebook, as the metadata of a cell. */
  readonly kind: 'cell' | 'notebook';
  readonly base: ICell | null;
  readonly mine: ICell | null;
  readonly theirs: ICell | null;
  readonly mineDid: Act;
  readonly theirsDid: Act;
  /** Both changes in one, where they do not touch the same place. */
  readonly both: ICell | null;
  /** Whether both versions say the same by now. */
  readonly isSame: boolean;
  /** What needs no decision, or is the careful one; null: a person has to choose. */
  readonly preset: Choice | null;
}

export interface IVersions {
  readonly base: INotebookContent | null;
  readonly mine: INotebookContent;
  readonly theirs: INotebookContent;
}

export type Choices = ReadonlyMap<string, Choice>;

type Trio = [ICell | null, ICell | null, ICell | null];

/**
 * Lay versions side by side.
 *
 * @param merged - both versions merged by the server's library, where there is such a merge: it decides what is `both`.
 */
export function threeWay(versions: IVersions, merged: INotebookContent | null = null): IRow[] {
  const { base, mine, theirs } = versions;
  const trios =
    base === null ? pairedTrios(mine.cells, theirs.cells) : basedTrios(base.cells, mine.cells, theirs.cells);
  const byId = new Map((merged?.cells ?? []).map(cell => [cell.id, cell]));
  const used = new Set<string>();
  const cells = inOrder(trios, versions).map((trio, index) => {
    const row = rowOf(keyOf(trio, index, used), 'cell', trio, base !== null);
    const decided = row.mineDid === 'changed' && row.theirsDid === 'changed' ? byId.get(trio[1]?.id ?? '') : undefined;
    return decided === undefined || row.isSame ? row : { ...row, both: decided, preset: 'both' as const };
  });
  return [notebookRow(versions), ...cells];
}

/** Which rows a person can look at: those that are not the same in both versions. */
export function differences(rows: readonly IRow[]): IRow[] {
  return rows.filter(row => !row.isSame);
}

/** Whether both have touched a cell, so that a choice loses something of one of them. */
export function isOfBoth(row: IRow): boolean {
  const touched = (act: Act) => act !== 'unchanged' && act !== 'none';
  return !row.isSame && touched(row.mineDid) && touched(row.theirsDid);
}

/** What a row becomes by now; null: not chosen yet. */
export function choiceOf(row: IRow, choices: Choices): Choice | null {
  return choices.get(row.key) ?? row.preset;
}

export function undecided(rows: readonly IRow[], choices: Choices): IRow[] {
  return rows.filter(row => choiceOf(row, choices) === null);
}

/** What a row may become. */
export function optionsOf(row: IRow): Choice[] {
  return row.both === null ? ['mine', 'theirs'] : ['mine', 'theirs', 'both'];
}

export function chosenCell(row: IRow, choice: Choice): ICell | null {
  return choice === 'mine' ? row.mine : choice === 'theirs' ? row.theirs : row.both;
}

/**
 * The notebook that was decided.
 *
 * @throws if a choice is still missing.
 */
export function compose(rows: readonly IRow[], choices: Choices, { base, mine, theirs }: IVersions): INotebookContent {
  const minor = Math.max(mine.nbformat_minor ?? 0, theirs.nbformat_minor ?? 0);
  const ids = new Set<string>();
  const cells: ICell[] = [];
  let details: ICell | null = null;
  for (const row of rows) {
    const choice = choiceOf(row, choices);
    if (choice === null) {
      throw new Error(`No choice was made for ${row.key}.`);
    }
    const cell = chosenCell(row, choice);
    if (row.kind === 'notebook') {
      details = cell;
    } else if (cell !== null) {
      cells.push(withId(cell, minor, ids));
    }
  }
  const metadata = { ...details?.metadata, ...kernelOf(base, mine, theirs) };
  return { ...mine, nbformat_minor: minor, metadata, cells } as INotebookContent;
}

/** The choices that still hold for newer versions: about rows that say what they said. */
export function carried(old: readonly IRow[], choices: Choices, rows: readonly IRow[]): Map<string, Choice> {
  const known = new Map(old.map(row => [row.key, row]));
  const kept = new Map<string, Choice>();
  for (const row of rows) {
    const [before, choice] = [known.get(row.key), choices.get(row.key)];
    const isSame =
      before !== undefined && (['base', 'mine', 'theirs'] as const).every(side => sameCell(before[side], row[side]));
    if (choice !== undefined && isSame && optionsOf(row).includes(choice)) {
      kept.set(row.key, choice);
    }
  }
  return kept;
}

/** Who has put cells in another order; where both have, it is mine that counts. */
export function whoMoved(rows: readonly IRow[], { base, mine, theirs }: IVersions): 'mine' | 'theirs' | 'both' | null {
  const order = (cells: readonly ICell[], side: 'base' | 'mine' | 'theirs') => {
    const places = new Map(rows.map(row => [row[side], row.key]));
    return cells.map(cell => places.get(cell));
  };
  const bases = order(base?.cells ?? [], 'base');
  const [isMine, isTheirs] = [
    !sameOrder(bases, order(mine.cells, 'mine')),
    !sameOrder(bases, order(theirs.cells, 'theirs'))
  ];
  return isMine && isTheirs ? 'both' : isMine ? 'mine' : isTheirs ? 'theirs' : null;
}

function rowOf(key: string, kind: IRow['kind'], [base, mine, theirs]: Trio, isBased: boolean): IRow {
  const isSame = sameCell(mine, theirs);
  const [mineDid, theirsDid] = isBased
    ? [actOf(base, mine), actOf(base, theirs)]
    : ([mine, theirs].map(cell => (cell === null ? 'none' : 'unknown')) as [Act, Act]);
  const isOfTwo = !isSame && mineDid === 'changed' && theirsDid === 'changed';
  const both = isOfTwo ? mergedCell(base, mine, theirs) : null;
  return {
    key,
    kind,
    base,
    mine,
    theirs,
    mineDid,
    theirsDid,
    both,
    isSame,
    preset: presetOf(isSame, mineDid, theirsDid, both)
  };
}

function actOf(base: ICell | null, cell: ICell | null): Act {
  if (base === null) {
    return cell === null ? 'none' : 'added';
  }
  return cell === null ? 'deleted' : sameCell(base, cell) ? 'unchanged' : 'changed';
}

function presetOf(isSame: boolean, mineDid: Act, theirsDid: Act, both: ICell | null): Choice | null {
  const untouched = ['unchanged', 'none'];
  if (isSame || untouched.includes(theirsDid)) {
    return 'mine';
  }
  if (untouched.includes(mineDid)) {
    return 'theirs';
  }
  return both === null ? null : 'both';
}

function basedTrios(base: readonly ICell[], mine: readonly ICell[], theirs: readonly ICell[]): Trio[] {
  const trios: Trio[] = base.map(cell => [cell, null, null]);
  const placed = (cells: readonly ICell[], side: 1 | 2) => {
    const sources = pairs(base, cells);
    return cells.filter((cell, index) => !putBeside(trios, sources[index], side, cell));
  };
  return [...trios, ...pairedTrios(placed(mine, 1), placed(theirs, 2))];
}

function pairedTrios(mine: readonly ICell[], theirs: readonly ICell[]): Trio[] {
  const trios: Trio[] = mine.map(cell => [null, cell, null]);
  const sources = pairs(mine, theirs);
  const added = theirs.filter((cell, index) => !putBeside(trios, sources[index], 2, cell));
  return [...trios, ...added.map((cell): Trio => [null, null, cell])];
}

/** Put a cell beside the one it is paired with; false: it is paired with none. */
function putBeside(trios: readonly Trio[], source: number | null | undefined, side: 1 | 2, cell: ICell): boolean {
  const trio = source == null ? undefined : trios[source];
  if (trio !== undefined) {
    trio[side] = cell;
  }
  return trio !== undefined;
}

/** The order of the version that moved cells, mine if both did; what only others have stands behind what it stood behind. */
function inOrder(trios: Trio[], { base, mine, theirs }: IVersions): Trio[] {
  const sequence = (cells: readonly ICell[], side: number) => {
    const places = new Map(cells.map((cell, index) => [cell, index]));
    const here = trios.filter(trio => trio[side] !== null);
    return here.sort((one, other) => places.get(one[side]!)! - places.get(other[side]!)!);
  };
  const [bases, mines, others] = [sequence(base?.cells ?? [], 0), sequence(mine.cells, 1), sequence(theirs.cells, 2)];
  const onlyTheyMoved = base !== null && sameOrder(bases, mines) && !sameOrder(bases, others);
  return onlyTheyMoved ? woven(others, mines, bases) : woven(mines, others, bases);
}

/** Whether what two lists have in common stands in the same order. */
function sameOrder<T>(one: readonly T[], other: readonly T[]): boolean {
  const [known, others] = [new Set(one), new Set(other)];
  const [left, right] = [one.filter(trio => others.has(trio)), other.filter(trio => known.has(trio))];
  return left.every((trio, index) => trio === right[index]);
}

function woven(first: readonly Trio[], ...rest: readonly Trio[][]): Trio[] {
  const result = [...first];
  for (const list of rest) {
    const own = new Set(list);
    let place = -1;
    for (const trio of list) {
      const known = result.indexOf(trio);
      if (known >= 0) {
        place = known;
        continue;
      }
      place++;
      for (let next = result[place]; next?.[0] === null && !own.has(next); next = result[place]) {
        place++;
      }
      result.splice(place, 0, trio);
    }
  }
  return result;
}

function keyOf(trio: Trio, index: number, used: Set<string>): string {
  const id = trio.map(cell => cell?.id).find(found => typeof found === 'string');
  const key = id === undefined || used.has(`id ${String(id)}`) ? `place ${index}` : `id ${String(id)}`;
  used.add(key);
  return key;
}

const OF_KERNELS = ['kernelspec', 'language_info'];

/** The kernel is what each environment has: no reason to ask. */
function kernelOf(base: INotebookContent | null, mine: INotebookContent, theirs: INotebookContent): object {
  const only = ({ metadata }: INotebookContent) =>
    Object.fromEntries(Object.entries(metadata).filter(([key]) => OF_KERNELS.includes(key)));
  return (base !== null && mergedFields(only(base), only(mine), only(theirs))) || { ...only(theirs), ...only(mine) };
}

function notebookRow({ base, mine, theirs }: IVersions): IRow {
  const asCell = ({ metadata }: INotebookContent): ICell => {
    const details = Object.fromEntries(Object.entries(metadata).filter(([key]) => !OF_KERNELS.includes(key)));
    return { cell_type: 'raw', metadata: details, source: '' } as ICell;
  };
  return rowOf('notebook', 'notebook', [base && asCell(base), asCell(mine), asCell(theirs)], base !== null);
}

/** From format 4.5 on each cell has an id of its own. */
function withId(cell: ICell, minor: number, ids: Set<string>): ICell {
  const { id, ...rest } = cell;
  if (minor < 5) {
    return rest as unknown as ICell;
  }
  let own = typeof id === 'string' ? id : 'merged';
  for (let number = 2; ids.has(own); number++) {
    own = `${typeof id === 'string' ? id.slice(0, 58) : 'merged'}-${number}`;
  }
  ids.add(own);
  return { ...rest, id: own } as unknown as ICell;
}
