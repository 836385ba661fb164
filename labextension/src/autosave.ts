/** When unsaved edits must be saved, however long the last save took. */

export interface IUnsavedEdits {
  /** When the first of them was made, in milliseconds. */
  readonly since: number;
  /** When the last save ended, in milliseconds; null: none yet. */
  readonly lastSaveEnded: number | null;
}

/** JupyterLab's own timer goes first, so that the two do not meet. */
const SLACK_MS = 250;
/** Rest after a slow save, so that saves do not follow each other without a pause. */
const REST_MS = 1000;

/**
 * The time at which edits are saved if JupyterLab has not done it: it waits ten times as long as the last save took.
 *
 * @param intervalMs - the autosave interval that the person has set.
 */
export function dueAt(edits: IUnsavedEdits, intervalMs: number): number {
  const rested = edits.lastSaveEnded === null ? 0 : edits.lastSaveEnded + REST_MS;
  return Math.max(edits.since + intervalMs, rested) + SLACK_MS;
}
