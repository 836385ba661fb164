/** Whether two notebooks, or parts of them, say the same. Pure. */

import type { ICell, INotebookContent } from '@jupyterlab/nbformat';

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

/** JSON equality; the order of keys does not matter. */
export function same(one: unknown, other: unknown): boolean {
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
  const [fields, others] = [one, other] as Record<string, unknown>[];
  const keys = Object.keys(fields);
  return (
    keys.length === Object.keys(others).length && keys.every(key => key in others && same(fields[key], others[key]))
  );
}
