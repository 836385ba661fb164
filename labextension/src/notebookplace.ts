/** Where a person is in a notebook: kept while another version comes to the screen. */

import type { Cell } from '@jupyterlab/cells';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';

const STEADY_FRAMES = 10;
const MOST_FRAMES = 60;

export interface IPlace {
  /** Ids of all cells. */
  readonly ids: readonly string[];
  /** The active cell. */
  readonly index: number;
  readonly cursor: CodeEditor.IPosition | null;
  readonly mode: 'command' | 'edit';
  readonly hasFocus: boolean;
  /** Pixels from the upper edge of the view to the active cell's. */
  readonly offset: number;
}

/** Which cell is the one of a place now: itself, else the next that is still there, else the one before. Pure. */
export function indexAfter({ ids, index }: Pick<IPlace, 'ids' | 'index'>, now: readonly string[]): number {
  const inOrder = [...ids.slice(Math.max(index, 0)), ...ids.slice(0, Math.max(index, 0)).reverse()];
  const found = inOrder.map(id => now.indexOf(id)).find(place => place >= 0);
  return found ?? Math.max(Math.min(index, now.length - 1), 0);
}

/** Where the person is now. */
export function placeOf({ content }: NotebookPanel): IPlace {
  const cell = content.activeCell;
  return {
    ids: idsOf(content),
    index: content.activeCellIndex,
    cursor: cell?.editor?.getCursorPosition() ?? null,
    mode: content.mode,
    hasFocus: content.node.contains(document.activeElement),
    offset: cell === null ? 0 : topOf(cell.node) - topOf(scrollerOf(content))
  };
}

/** Go back to a place, in another version of the notebook. */
export async function goBackTo({ content }: NotebookPanel, place: IPlace): Promise<void> {
  if (content.isDisposed || content.widgets.length === 0) {
    return;
  }
  const index = indexAfter(place, idsOf(content));
  const cell = content.widgets[index];
  if (cell === undefined) {
    return;
  }
  content.deselectAll();
  content.activeCellIndex = index;
  await content.scrollToItem(index).catch(() => undefined); // it may not be visible at all
  await cell.ready;
  await frame();
  if (content.isDisposed || cell.isDisposed) {
    return;
  }
  if (place.hasFocus) {
    content.mode = place.mode;
    content.activate();
  }
  if (place.cursor !== null && cell.model.id === place.ids[place.index]) {
    const line = Math.min(place.cursor.line, (cell.editor?.lineCount ?? 1) - 1);
    cell.editor?.setCursorPosition({ line, column: Math.min(place.cursor.column, lengthOf(cell.editor, line)) });
  }
  await scrollTo(scrollerOf(content), cell, place.offset);
}

/** Scroll until a cell stays where it is to be: focus moves it, and cells above it that are drawn later do. */
async function scrollTo(scroller: Element, cell: Cell, offset: number): Promise<void> {
  for (let steady = 0, step = 0; steady < STEADY_FRAMES && step < MOST_FRAMES && !cell.isDisposed; step++) {
    const missing = topOf(cell.node) - topOf(scroller) - offset;
    steady = Math.abs(missing) > 1 ? 0 : steady + 1;
    scroller.scrollTop += missing;
    await frame();
  }
}

function idsOf(content: Notebook): string[] {
  return content.widgets.map(cell => cell.model.id);
}

function lengthOf(editor: CodeEditor.IEditor, line: number): number {
  return editor.getLine(line)?.length ?? 0;
}

function scrollerOf(content: Notebook): Element {
  return content.node.querySelector('.jp-WindowedPanel-outer') ?? content.node;
}

function topOf(node: Element): number {
  return node.getBoundingClientRect().top;
}

/** A hidden tab draws nothing. */
function frame(): Promise<void> {
  return new Promise(resolve => {
    requestAnimationFrame(() => resolve());
    setTimeout(resolve, 200);
  });
}
