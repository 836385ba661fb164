/** What a person has changed in a read-only view: nothing, outputs only, or the notebook itself. Pure. */

import { isFields } from './validate';
export type OwnChanges = 'none' | 'outputs' | 'edits';

/** What of a notebook changes with an edit, and what only by running cells; as text, to compare. */
export interface ISnapshot {
  readonly edits: string;
  readonly outputs: string;
}

/** Keys of metadata that JupyterLab or a kernel set without anybody's edit. */
const SET_BY_THEMSELVES = ['kernelspec', 'language_info', 'trusted', 'execution', 'orig_nbformat', 'widgets'];

/** Take a snapshot of a notebook, as nbformat 4 has it. */
export function snapshotOf(notebook: unknown): ISnapshot {
  const fields = isFields(notebook) ? notebook : {};
  const cells = Array.isArray(fields.cells) ? fields.cells.filter(isFields) : [];
  return {
    edits: JSON.stringify([metadata(fields.metadata), cells.map(withoutRuns)]),
    outputs: JSON.stringify(cells.map(cell => [cell.execution_count ?? null, sizeOf(cell.outputs)]))
  };
}

/** What has changed between two snapshots. */
export function changesBetween(before: ISnapshot, now: ISnapshot): OwnChanges {
  if (before.edits !== now.edits) {
    return 'edits';
  }
  return before.outputs === now.outputs ? 'none' : 'outputs';
}

function withoutRuns(cell: Readonly<Record<string, unknown>>): unknown {
  const source = Array.isArray(cell.source) ? cell.source.join('') : cell.source;
  return [cell.cell_type, source, metadata(cell.metadata), cell.attachments ?? null];
}

function metadata(data: unknown): unknown {
  const entries = isFields(data) ? Object.entries(data) : [];
  const kept = entries.filter(([key]) => !SET_BY_THEMSELVES.includes(key));
  return kept.sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Outputs may be large: how many there are and how long, as far as text goes. */
function sizeOf(outputs: unknown): unknown {
  return Array.isArray(outputs) ? outputs.map(output => JSON.stringify(output)?.length ?? 0) : [];
}
