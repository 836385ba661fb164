/** Whether two notebooks, or parts of them, say the same. Pure. */

import type { ICell, INotebookContent } from '@jupyterlab/nbformat';
import { JSONExt, ReadonlyPartialJSONValue } from '@lumino/coreutils';

/** Whether two notebooks have the same cells, outputs included; ids, trust and counts of executions do not matter. */
export function sameCells(one: INotebookContent, other: INotebookContent): boolean {
  return same(one.cells.map(comparable), other.cells.map(comparable));
}

function comparable(cell: ICell): object {
  const { trusted, ...metadata } = cell.metadata as Record<string, unknown>;
  const source: unknown = cell.source ?? '';
  return {
    cell_type: cell.cell_type,
    metadata,
    source: Array.isArray(source) ? source.join('') : String(source),
    outputs: Array.isArray(cell.outputs) ? cell.outputs : []
  };
}

/** JSON equality: the order of keys does not matter, and a missing value equals only a missing one. */
export function same(one: unknown, other: unknown): boolean {
  if (one === undefined || other === undefined) {
    return one === other; // to JSONExt, nothing at all equals an empty object
  }
  return JSONExt.deepEqual(one as ReadonlyPartialJSONValue, other as ReadonlyPartialJSONValue);
}
