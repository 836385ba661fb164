/** What the page knows of the server's part of this extension before it asks anything. Pure. */

import type { FolderPair } from './modepaths';
import { isFields } from './validate';

/** Key in JupyterLab's page configuration. */
export const PAGE_OPTION = 'terraEnv';

export interface IServerPart {
  /** API paths of the workspaces' folders. */
  readonly folders: readonly string[];
  /** The same, of each workspace together. */
  readonly pairs: readonly FolderPair[];
  /** Whether there is a pause to speak of. */
  readonly autopause: boolean;
}

/** No server part: the extension is off, or only this front end is installed. Nothing is shown and nothing is asked. */
export const NONE: IServerPart = { folders: [], pairs: [], autopause: false };

/**
 * Read the page's option.
 *
 * @param option - as JSON; empty: there is none.
 */
export function readServerPart(option: string): IServerPart {
  let data: unknown;
  try {
    data = JSON.parse(option);
  } catch {
    return NONE;
  }
  if (!isFields(data) || !Array.isArray(data.folders)) {
    return NONE;
  }
  return {
    folders: data.folders.filter((folder): folder is string => typeof folder === 'string'),
    pairs: Array.isArray(data.pairs) ? data.pairs.filter(isPair) : [],
    autopause: data.autopause === true
  };
}

function isPair(data: unknown): data is FolderPair {
  return Array.isArray(data) && typeof data[0] === 'string' && (data[1] === null || typeof data[1] === 'string');
}

/** Whether a path is that of a file in a workspace; hidden files are in none. */
export function isInWorkspace({ folders }: IServerPart, path: string): boolean {
  const inside = folders.find(folder => folder === '' || path.startsWith(`${folder}/`));
  return (
    inside !== undefined &&
    !path
      .slice(inside.length)
      .split('/')
      .some(part => part.startsWith('.'))
  );
}
