/** Saving everything that a tab holds, because the environment is about to be paused. */

/** What is needed of an open document. */
export interface ISavable {
  /** Its API path. */
  readonly path: string;
  readonly isDirty: boolean;
  /** False: it was opened to be read only, and has nowhere to go. */
  readonly canSave: boolean;
  save(): Promise<void>;
}

/** Edits that come while it is saved are saved, too, unless they never end. */
const MOST_ROUNDS = 3;

/**
 * Save every document that has unsaved edits.
 *
 * @returns the paths of those that could not be saved: read-only documents do not hold up a pause, a save that has
 * failed does.
 */
export async function saveAll(documents: readonly ISavable[]): Promise<readonly string[]> {
  const saved = await Promise.all(documents.map(save));
  return documents.filter((_, index) => !saved[index]).map(document => document.path);
}

/** The paths of the documents that have unsaved edits. */
export function unsavedPaths(documents: readonly ISavable[]): readonly string[] {
  return documents.filter(document => document.isDirty && document.canSave).map(document => document.path);
}

async function save(document: ISavable): Promise<boolean> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    if (!document.isDirty || !document.canSave) {
      return true;
    }
    try {
      await document.save();
    } catch {
      return false; // the document says so itself
    }
  }
  return !document.isDirty;
}
