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
  const says = (cell: ICell | undefined) => `${cell?.cell_type}\n${textOf(cell ?? null)}`;
  const parts = diffArrays(
    sources.map(index => says(from[index])),
    targets.map(index => says(to[index])),
    { maxEditLength: MOST_EDITS }
  );
  for (const part of parts ?? []) {
    const count = part.value.length;
    const [olds, news] = [part.added ? [] : sources.splice(0, count), part.removed ? [] : targets.splice(0, count)];
    olds.forEach((source, index) => {
      const target = news[index]; // none: the cell was removed
      if (target !== undefined) {
        pair(source, target);
      }
    });
  }
}

function pairBetween(from: readonly ICell[], to: readonly ICell[], { found, taken, pair }: IPairing): void {
  let next = 0;
  to.forEach((cell, target) => {
    const known = found[target] ?? null;
    if (known !== null) {
      next = known + 1;
      return;
    }
    const end = from.findIndex((_, source) => source >= next && taken.has(source));
    const between = from.slice(next, end < 0 ? undefined : end);
    const like = between.findIndex(other => areAlike(other, cell));
    if (like >= 0) {
      pair(next + like, target);
      next += like + 1;
    }
  });
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
