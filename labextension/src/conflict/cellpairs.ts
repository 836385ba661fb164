/** Which cell of one version is which of another: by id, then by what they say, then by their place. Pure. */

import { diffArrays } from 'diff';
import type { ICell } from '@jupyterlab/nbformat';
import { linesOf, textOf } from './cellmerge';

/** This much of two texts has to be common for one to be a change of the other. */
const LEAST_COMMON = 0.5;
const MOST_EDITS = 2000;

/**
 * Pair the cells of two versions.
 *
 * Some clients write ids anew each time, and older notebooks have none: what ids do not pair is paired by its text, and
 * what is left between two pairs by its likeness.
 *
 * @returns for each cell of `to` its index in `from`, or null: it is new.
 */
export function pairs(from: readonly ICell[], to: readonly ICell[]): (number | null)[] {
  const found: (number | null)[] = to.map(() => null);
  const taken = new Set<number>();
  const pair = (source: number, target: number) => {
    found[target] = source;
    taken.add(source);
  };
  pairByIds(from, to, pair);
  pairByTexts(from, to, { found, taken, pair });
  pairBetween(from, to, { found, taken, pair });
  return found;
}

interface IPairing {
  readonly found: readonly (number | null)[];
  readonly taken: ReadonlySet<number>;
  readonly pair: (source: number, target: number) => void;
}

function pairByIds(from: readonly ICell[], to: readonly ICell[], pair: IPairing['pair']): void {
  const [sources, targets] = [placesById(from), placesById(to)];
  for (const [id, target] of targets) {
    const source = sources.get(id);
    if (source != null && target !== null) {
      pair(source, target);
    }
  }
}

/** An id that two cells have names none of them. */
function placesById(cells: readonly ICell[]): Map<string, number | null> {
  const places = new Map<string, number | null>();
  cells.forEach((cell, index) => {
    if (typeof cell.id === 'string') {
      places.set(cell.id, places.has(cell.id) ? null : index);
    }
  });
  return places;
}

function pairByTexts(from: readonly ICell[], to: readonly ICell[], { found, taken, pair }: IPairing): void {
  const sources = indices(from).filter(index => !taken.has(index));
  const targets = indices(to).filter(index => found[index] === null);
  const says = (cell: ICell) => `${cell.cell_type}\n${textOf(cell)}`;
  const parts = diffArrays(
    sources.map(index => says(from[index])),
    targets.map(index => says(to[index])),
    { maxEditLength: MOST_EDITS }
  );
  let [source, target] = [0, 0];
  for (const part of parts ?? []) {
    for (let count = 0; count < part.value.length; count++) {
      if (!part.added && !part.removed) {
        pair(sources[source], targets[target]);
      }
      source += part.added ? 0 : 1;
      target += part.removed ? 0 : 1;
    }
  }
}

function pairBetween(from: readonly ICell[], to: readonly ICell[], { found, taken, pair }: IPairing): void {
  let next = 0;
  for (let target = 0; target < to.length; target++) {
    const known = found[target];
    if (known !== null) {
      next = known + 1;
      continue;
    }
    for (let source = next; source < from.length && !taken.has(source); source++) {
      if (areAlike(from[source], to[target])) {
        pair(source, target);
        next = source + 1;
        break;
      }
    }
  }
}

function areAlike(one: ICell, other: ICell): boolean {
  if (one.cell_type !== other.cell_type) {
    return false;
  }
  const [lines, others] = [linesOf(textOf(one)), linesOf(textOf(other))];
  const known = new Set(lines);
  const common = others.filter(line => known.has(line)).length;
  return common > 0 && (2 * common) / (lines.length + others.length) >= LEAST_COMMON;
}

function indices(list: readonly unknown[]): number[] {
  return list.map((_, index) => index);
}
