/** The server's endpoints about earlier versions; as in `restapi.ts`. */

import type { ServerConnection } from '@jupyterlab/services';
import { UnexpectedAnswer, post, request } from '../restapi';
import { isFields, text } from '../validate';
import { IHistory, parseHistory } from './history';

/** What there is of a notebook. Asks the bucket three times. */
export async function getHistory(settings: ServerConnection.ISettings, path: string): Promise<IHistory> {
  const found = parseHistory(await request(settings, `versions?path=${encodeURIComponent(path)}`));
  if (found === null) {
    throw new UnexpectedAnswer('versions');
  }
  return found;
}

/** Make a version the newest one, on this disk and in the workspace. */
export async function restoreVersion(
  settings: ServerConnection.ISettings,
  path: string,
  generation: string
): Promise<void> {
  await post(settings, 'restore-version', { path, generation });
}

/**
 * Make a notebook of a version, beside the old one.
 *
 * @returns its API path.
 */
export async function copyVersion(
  settings: ServerConnection.ISettings,
  path: string,
  generation: string
): Promise<string> {
  const answer = await post(settings, 'copy-version', { path, generation });
  const copy = isFields(answer) ? text(answer.path) : null;
  if (copy === null) {
    throw new UnexpectedAnswer('copy-version');
  }
  return copy;
}
