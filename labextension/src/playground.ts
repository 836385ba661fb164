/** Going from edit to playground and back, with what is on the screen. */

import type { INotebookContent } from '@jupyterlab/nbformat';
import type { Contents, ServerConnection } from '@jupyterlab/services';
import { namesForCopy } from './names';
import { sameCells } from './conflict/notebookdiff';
import { Refusal, getStatus } from './restapi';
import { writeNew } from './notebookcontent';

export interface ICopied {
  /** The notebook to show. */
  readonly path: string;
  /** An older copy with other content, which was left as it is. */
  readonly leftAlone: string | null;
}

/** What the copying needs of the server. */
export interface IServer {
  readonly contents: Contents.IManager;
  readonly settings: ServerConnection.ISettings;
}

/**
 * Put a notebook into the playground. A copy that is there already is never written over.
 *
 * @param screen - what is on the screen.
 * @param path - the path of its playground copy.
 * @param label - what later names have in brackets.
 */
export async function toPlayground(
  server: IServer,
  screen: INotebookContent,
  path: string,
  label: string
): Promise<ICopied> {
  if (!(await isOnDisk(server, path))) {
    await server.contents.save(path, { type: 'notebook', format: 'json', content: screen });
    return { path, leftAlone: null };
  }
  const there = (await server.contents.get(path, { type: 'notebook', content: true })).content as INotebookContent;
  if (sameCells(there, screen)) {
    return { path, leftAlone: null };
  }
  return { path: await writeNew(server.contents, screen, namesForCopy(path, label)), leftAlone: path };
}

/** Whether this disk has a copy; the folder shows what only the bucket has, too. */
async function isOnDisk({ settings }: IServer, path: string): Promise<boolean> {
  try {
    await getStatus(settings, path);
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.httpStatus === 404) {
      return false;
    }
    throw error;
  }
}
