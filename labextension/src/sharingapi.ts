/** The server's endpoints about who shares what; as in `restapi.ts`. */

import type { ServerConnection } from '@jupyterlab/services';
import { UnexpectedAnswer, request } from './restapi';
import { IRemoval, IWhereabouts, parseRemoval, parseWhereabouts } from './sharing';

/** Where a file of a workspace is. Asks the bucket once. */
export async function getWhereabouts(settings: ServerConnection.ISettings, path: string): Promise<IWhereabouts> {
  const found = parseWhereabouts(await request(settings, `whereabouts?path=${encodeURIComponent(path)}`));
  if (found === null) {
    throw new UnexpectedAnswer('whereabouts');
  }
  return found;
}

/** What deleting a file or folder would remove; null: it is in no workspace. Asks the bucket once. */
export async function getRemoval(settings: ServerConnection.ISettings, path: string): Promise<IRemoval | null> {
  return parseRemoval(await request(settings, `removal?path=${encodeURIComponent(path)}`));
}
