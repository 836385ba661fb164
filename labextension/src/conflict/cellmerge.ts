/** What a cell says, compared and merged: texts line by line, with what both versions began with. Pure. */

import { diffArrays, diffWordsWithSpace } from 'diff';
import type { ICell } from '@jupyterlab/nbformat';
import type { Fields } from '../validate';
import { same } from './notebookdiff';

/** Texts that differ in more lines are shown, and merged, as wholes. */
const MOST_EDITS = 4000;

/** What runs leave in a cell without anybody writing it. */
const OF_RUNS = ['execution', 'trusted'];

export function textOf(cell: ICell | null): string {
  const source: unknown = cell?.source ?? '';
  return Array.isArray(source) ? source.join('') : String(source);
}

export function outputsOf(cell: ICell | null): Record<string, unknown>[] {
  return Array.isArray(cell?.outputs) ? (cell.outputs as Record<string, unknown>[]) : [];
}

/** Whether two cells say the same: counts of executions, times and ids are nothing that a person wrote. */
export function sameCell(one: ICell | null, other: ICell | null): boolean {
  if (one === null || other === null) {
    return one === other;
  }
  return (
    one.cell_type === other.cell_type &&
    textOf(one) === textOf(other) &&
    sameOutputs(one, other) &&
    same(detailsOf(one), detailsOf(other)) &&
    same(attachmentsOf(one), attachmentsOf(other))
  );
}

export function sameOutputs(one: ICell | null, other: ICell | null): boolean {
  const plain = (cell: ICell | null) => outputsOf(cell).map(({ execution_count, ...output }) => output);
  return same(plain(one), plain(other));
}

function attachmentsOf(cell: ICell): object {
  return (cell.attachments as object | undefined) ?? {};
}

/** The metadata of a cell that people set. */
export function detailsOf(cell: ICell | null): Record<string, unknown> {
  const entries = Object.entries((cell?.metadata ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.filter(([key]) => !OF_RUNS.includes(key)));
}

/**
 * Both changes of a cell in one; null where they touch the same lines, outputs or details.
 *
 * A text that was never run gets no output of another text.
 */
export function mergedCell(base: ICell | null, mine: ICell | null, theirs: ICell | null): ICell | null {
  if (base === null || mine === null || theirs === null || mine.cell_type !== theirs.cell_type) {
    return null;
  }
  const source = mergedText(textOf(base), textOf(mine), textOf(theirs));
  const metadata = mergedFields(detailsOf(base), detailsOf(mine), detailsOf(theirs));
  const attachments = mergedFields(attachmentsOf(base), attachmentsOf(mine), attachmentsOf(theirs));
  if (source === null || metadata === null || attachments === null) {
    return null;
  }
  const merged: Record<string, unknown> = { ...mine, source, metadata: { ...onlyOfRuns(mine), ...metadata } };
  if (Object.keys(attachments).length > 0) {
    merged.attachments = attachments;
  }
  if (mine.cell_type !== 'code') {
    return merged as unknown as ICell;
  }
  const ran = whoseOutputs(base, mine, theirs, source);
  if (ran === null) {
    return null;
  }
  const run = ran === 'none' ? { outputs: [], execution_count: null } : ran;
  return { ...merged, outputs: run.outputs, execution_count: run.execution_count } as unknown as ICell;
}

/** Null: both have run the same text, and it gave two different things. */
function whoseOutputs(base: ICell, mine: ICell, theirs: ICell, source: string): ICell | 'none' | null {
  if (sameOutputs(mine, theirs)) {
    return mine;
  }
  const [isMine, isTheirs] = [textOf(mine) === source, textOf(theirs) === source];
  if (isMine && isTheirs) {
    return sameOutputs(base, mine) ? theirs : sameOutputs(base, theirs) ? mine : null;
  }
  return isMine ? mine : isTheirs ? theirs : 'none';
}

function onlyOfRuns(cell: ICell): Record<string, unknown> {
  const metadata = cell.metadata as Record<string, unknown>;
  return Object.fromEntries(OF_RUNS.filter(key => key in metadata).map(key => [key, metadata[key]]));
}

/** Key by key; null where both have changed the same one differently. */
export function mergedFields(base: object, mine: object, theirs: object): Record<string, unknown> | null {
  const [from, one, other] = [base, mine, theirs] as [Fields, Fields, Fields];
  const merged: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const taken = same(one[key], other[key]) || same(other[key], from[key]) ? one : other;
    if (taken === other && !same(one[key], from[key])) {
      return null;
    }
    if (key in taken) {
      merged[key] = taken[key];
    }
  }
  return merged;
}

interface IHunk {
  /** First line of the base that is replaced. */
  readonly start: number;
  /** The line behind the last. */
  readonly end: number;
  readonly lines: readonly string[];
}

/** Both changes of a text; null where they touch the same lines, or lines that follow each other. */
export function mergedText(base: string, mine: string, theirs: string): string | null {
  if (mine === theirs || theirs === base) {
    return mine;
  }
  if (mine === base) {
    return theirs;
  }
  const lines = base.split('\n');
  const [ones, others] = [hunks(lines, mine.split('\n')), hunks(lines, theirs.split('\n'))];
  const news = others.filter(other => !ones.some(one => same(one, other)));
  if (ones.some(one => news.some(other => one.start <= other.end && other.start <= one.end))) {
    return null;
  }
  const merged: string[] = [];
  let taken = 0;
  for (const hunk of [...ones, ...news].sort((one, other) => one.start - other.start)) {
    merged.push(...lines.slice(taken, hunk.start), ...hunk.lines);
    taken = hunk.end;
  }
  return [...merged, ...lines.slice(taken)].join('\n');
}

function hunks(base: string[], changed: string[]): IHunk[] {
  const parts = diffArrays(base, changed, { maxEditLength: MOST_EDITS });
  if (parts === undefined) {
    return [{ start: 0, end: base.length, lines: changed }];
  }
  const found: IHunk[] = [];
  let [start, end, lines]: [number, number, string[]] = [0, 0, []];
  const close = () => {
    if (end > start || lines.length > 0) {
      found.push({ start, end, lines });
    }
    [start, lines] = [end, []];
  };
  for (const part of parts) {
    if (part.added) {
      lines = [...lines, ...part.value];
    } else if (part.removed) {
      end += part.value.length;
    } else {
      close();
      end += part.value.length;
      start = end;
    }
  }
  close();
  return found;
}

export interface IPiece {
  readonly text: string;
  /** Whether just these words differ. */
  readonly isNew: boolean;
}

export interface ILine {
  readonly sign: '+' | '-' | ' ';
  readonly pieces: readonly IPiece[];
}

/** A text as a change of another: lines that were added, removed, or stayed. */
export function lineChanges(before: string, after: string): ILine[] {
  const [olds, news] = shownLines(before, after);
  const parts = diffArrays(olds, news, { maxEditLength: MOST_EDITS });
  if (parts === undefined) {
    return [...plainLines('-', olds), ...plainLines('+', news)];
  }
  const lines: ILine[] = [];
  parts.forEach((part, index) => {
    const next = parts[index + 1];
    const previous = parts[index - 1];
    if (part.removed && next?.added && next.value.length === part.value.length) {
      part.value.forEach((line, at) => lines.push(wordChanges('-', line, next.value[at] ?? '')));
    } else if (part.added && previous?.removed && previous.value.length === part.value.length) {
      part.value.forEach((line, at) => lines.push(wordChanges('+', previous.value[at] ?? '', line)));
    } else {
      lines.push(...plainLines(part.added ? '+' : part.removed ? '-' : ' ', part.value));
    }
  });
  return lines;
}

/** What ends the last line is shown only where nothing else differs. */
function shownLines(before: string, after: string): [string[], string[]] {
  const [old, now] = [before.replace(/\n$/, ''), after.replace(/\n$/, '')];
  return old === now ? [before.split('\n'), after.split('\n')] : [linesOf(old), linesOf(now)];
}

export function plainLines(sign: ILine['sign'], lines: readonly string[]): ILine[] {
  return lines.map(text => ({ sign, pieces: [{ text, isNew: false }] }));
}

export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function wordChanges(sign: '+' | '-', before: string, after: string): ILine {
  const words = diffWordsWithSpace(before, after, { maxEditLength: 400 });
  if (words === undefined) {
    return { sign, pieces: [{ text: sign === '-' ? before : after, isNew: false }] };
  }
  const kept = words.filter(word => (sign === '-' ? !word.added : !word.removed));
  return { sign, pieces: kept.map(word => ({ text: word.value, isNew: word.added || word.removed })) };
}
