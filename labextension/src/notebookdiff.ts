/** Differences of two notebooks, cell by cell and line by line, in the form that nbdime shows. */

import type { ICell, INotebookContent } from '@jupyterlab/nbformat';

interface IAddRange {
  op: 'addrange';
  key: number;
  valuelist: unknown[];
}

interface IRemoveRange {
  op: 'removerange';
  key: number;
  length: number;
}

interface IReplace {
  op: 'replace' | 'add';
  key: string;
  value: unknown;
}

interface IRemove {
  op: 'remove';
  key: string;
}

interface IPatch {
  op: 'patch';
  key: string | number;
  diff: DiffEntry[];
}

export type DiffEntry = IAddRange | IRemoveRange | IReplace | IRemove | IPatch;

/** Above this many pairs, sequences are compared without a common-subsequence search. */
const LARGEST_TABLE = 4_000_000;

/** A notebook whose texts are single strings and which says nothing of trust: what can be compared. */
export function comparable(notebook: INotebookContent): INotebookContent {
  return { ...notebook, cells: notebook.cells.map(comparableCell) };
}

function comparableCell(cell: ICell): ICell {
  const { trusted, ...metadata } = cell.metadata as Record<string, unknown>;
  const copy: Record<string, unknown> = { ...cell, metadata, source: joined(cell.source) };
  if (cell.cell_type === 'code') {
    copy.outputs = Array.isArray(cell.outputs) ? cell.outputs : [];
  }
  return copy as unknown as ICell;
}

/**
 * What turns one notebook into the other.
 *
 * @param base - a comparable notebook.
 * @param remote - a comparable notebook.
 */
export function notebookDiff(base: INotebookContent, remote: INotebookContent): DiffEntry[] {
  const cells = cellsDiff(base.cells, remote.cells);
  return cells.length === 0 ? [] : [{ op: 'patch', key: 'cells', diff: cells }];
}

/** Whether two notebooks have the same cells, outputs included. */
export function sameCells(one: INotebookContent, other: INotebookContent): boolean {
  return notebookDiff(comparable(one), comparable(other)).length === 0;
}

function cellsDiff(base: readonly ICell[], remote: readonly ICell[]): DiffEntry[] {
  const diff: DiffEntry[] = [];
  for (const run of runs(base, remote, sameCell)) {
    const olds = base.slice(run.baseStart, run.baseEnd);
    const news = remote.slice(run.remoteStart, run.remoteEnd);
    diff.push(...replacedCells(olds, news, run.baseStart));
  }
  return diff;
}

/** Cells at the same place of a changed stretch are taken for the same cell as long as their type is the same. */
function replacedCells(olds: readonly ICell[], news: readonly ICell[], start: number): DiffEntry[] {
  const diff: DiffEntry[] = [];
  let paired = 0;
  while (paired < olds.length && paired < news.length && olds[paired].cell_type === news[paired].cell_type) {
    diff.push({ op: 'patch', key: start + paired, diff: cellDiff(olds[paired], news[paired]) });
    paired++;
  }
  if (paired < news.length) {
    diff.push({ op: 'addrange', key: start + paired, valuelist: news.slice(paired) });
  }
  if (paired < olds.length) {
    diff.push({ op: 'removerange', key: start + paired, length: olds.length - paired });
  }
  return diff;
}

function cellDiff(base: ICell, remote: ICell): DiffEntry[] {
  const diff: DiffEntry[] = [];
  const lines = linesDiff(String(base.source), String(remote.source));
  if (lines.length > 0) {
    diff.push({ op: 'patch', key: 'source', diff: lines });
  }
  if (base.cell_type === 'code') {
    const outputs = outputsDiff(asList(base.outputs), asList(remote.outputs));
    if (outputs.length > 0) {
      diff.push({ op: 'patch', key: 'outputs', diff: outputs });
    }
  }
  const metadata = objectDiff(base.metadata, remote.metadata);
  if (metadata.length > 0) {
    diff.push({ op: 'patch', key: 'metadata', diff: metadata });
  }
  return diff;
}

function linesDiff(base: string, remote: string): DiffEntry[] {
  const [olds, news] = [lines(base), lines(remote)];
  return sequenceDiff(olds, news, (one, other) => one === other);
}

function outputsDiff(base: readonly unknown[], remote: readonly unknown[]): DiffEntry[] {
  return sequenceDiff(base, remote, same);
}

function sequenceDiff<T>(base: readonly T[], remote: readonly T[], equal: (one: T, other: T) => boolean): DiffEntry[] {
  const diff: DiffEntry[] = [];
  for (const run of runs(base, remote, equal)) {
    if (run.remoteEnd > run.remoteStart) {
      diff.push({ op: 'addrange', key: run.baseStart, valuelist: remote.slice(run.remoteStart, run.remoteEnd) });
    }
    if (run.baseEnd > run.baseStart) {
      diff.push({ op: 'removerange', key: run.baseStart, length: run.baseEnd - run.baseStart });
    }
  }
  return diff;
}

function objectDiff(base: object, remote: object): DiffEntry[] {
  const [olds, news] = [base as Record<string, unknown>, remote as Record<string, unknown>];
  const keys = [...new Set([...Object.keys(olds), ...Object.keys(news)])].sort();
  return keys.flatMap((key): DiffEntry[] => {
    if (!(key in news)) {
      return [{ op: 'remove', key }];
    }
    if (!(key in olds)) {
      return [{ op: 'add', key, value: news[key] }];
    }
    return same(olds[key], news[key]) ? [] : [{ op: 'replace', key, value: news[key] }];
  });
}

interface IRun {
  baseStart: number;
  baseEnd: number;
  remoteStart: number;
  remoteEnd: number;
}

/** The stretches in which two sequences differ, in order. */
function runs<T>(base: readonly T[], remote: readonly T[], equal: (one: T, other: T) => boolean): IRun[] {
  let start = 0;
  while (start < base.length && start < remote.length && equal(base[start], remote[start])) {
    start++;
  }
  let tail = 0;
  const shorter = Math.min(base.length, remote.length) - start;
  while (tail < shorter && equal(base[base.length - 1 - tail], remote[remote.length - 1 - tail])) {
    tail++;
  }
  const middle = { baseStart: start, baseEnd: base.length - tail, remoteStart: start, remoteEnd: remote.length - tail };
  if (middle.baseStart === middle.baseEnd && middle.remoteStart === middle.remoteEnd) {
    return [];
  }
  const pairs = (middle.baseEnd - middle.baseStart) * (middle.remoteEnd - middle.remoteStart);
  return pairs > LARGEST_TABLE ? [middle] : splitByCommon(base, remote, middle, equal);
}

/** Split a stretch at its longest common subsequence. */
function splitByCommon<T>(
  base: readonly T[],
  remote: readonly T[],
  { baseStart, baseEnd, remoteStart, remoteEnd }: IRun,
  equal: (one: T, other: T) => boolean
): IRun[] {
  const width = remoteEnd - remoteStart + 1;
  const common = new Uint32Array((baseEnd - baseStart + 1) * width);
  const at = (i: number, j: number) => (i - baseStart) * width + (j - remoteStart);
  for (let i = baseEnd - 1; i >= baseStart; i--) {
    for (let j = remoteEnd - 1; j >= remoteStart; j--) {
      common[at(i, j)] = equal(base[i], remote[j])
        ? common[at(i + 1, j + 1)] + 1
        : Math.max(common[at(i + 1, j)], common[at(i, j + 1)]);
    }
  }
  const found: IRun[] = [];
  let [i, j] = [baseStart, remoteStart];
  while (i < baseEnd || j < remoteEnd) {
    const run = { baseStart: i, baseEnd: i, remoteStart: j, remoteEnd: j };
    while ((i < baseEnd || j < remoteEnd) && !(i < baseEnd && j < remoteEnd && equal(base[i], remote[j]))) {
      if (j >= remoteEnd || (i < baseEnd && common[at(i + 1, j)] >= common[at(i, j + 1)])) {
        i++;
      } else {
        j++;
      }
    }
    [run.baseEnd, run.remoteEnd] = [i, j];
    if (run.baseEnd > run.baseStart || run.remoteEnd > run.remoteStart) {
      found.push(run);
    }
    while (i < baseEnd && j < remoteEnd && equal(base[i], remote[j])) {
      i++;
      j++;
    }
  }
  return found;
}

/** Ids and counts of executions are not differences that a person cares about. */
function sameCell(one: ICell, other: ICell): boolean {
  return (
    one.cell_type === other.cell_type &&
    one.source === other.source &&
    same(one.metadata, other.metadata) &&
    same(one.outputs ?? null, other.outputs ?? null)
  );
}

/** JSON equality; the order of keys does not matter. */
function same(one: unknown, other: unknown): boolean {
  if (one === other) {
    return true;
  }
  if (Array.isArray(one) || Array.isArray(other)) {
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, index) => same(item, other[index]))
    );
  }
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return false;
  }
  return objectDiff(one, other).length === 0;
}

function lines(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/);
}

function joined(source: unknown): string {
  return Array.isArray(source) ? source.join('') : String(source ?? '');
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
