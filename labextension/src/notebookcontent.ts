/** What is on the screen: taken, kept, replaced. Nothing that a person sees goes away without a file that holds it. */

import type { Cell, MarkdownCell } from '@jupyterlab/cells';
import { PathExt } from '@jupyterlab/coreutils';
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { Contents, ServerConnection } from '@jupyterlab/services';
import { firstFree, namesForCopy } from './names';
import { IPlace, goBackTo, placeOf } from './notebookplace';

/** The notebook as it is shown, saved or not. */
export function screenOf(panel: NotebookPanel): INotebookContent {
  const model = panel.content.model;
  if (model === null) {
    throw new Error('The notebook is not loaded yet.');
  }
  return model.toJSON() as INotebookContent;
}

/**
 * Whether the server has a file of this name. The folder is asked, and not the file: browsers log each answer that a file
 * is not there.
 */
export async function exists(contents: Contents.IManager, path: string): Promise<boolean> {
  return (await namesBeside(contents, path)).has(PathExt.basename(path));
}

/** The names in the folder of a path; none when there is no such folder. */
async function namesBeside(contents: Contents.IManager, path: string): Promise<ReadonlySet<string>> {
  try {
    const folder = await contents.get(PathExt.dirname(path), { type: 'directory', content: true });
    return new Set((folder.content as Contents.IModel[]).map(({ name }) => name));
  } catch (error) {
    if (error instanceof ServerConnection.ResponseError && error.response.status === 404) {
      return new Set();
    }
    throw error;
  }
}

/**
 * Write a notebook under a name that nothing has yet.
 *
 * @param names - names to try, in order, in one folder.
 * @returns where it is.
 */
export async function writeNew(
  contents: Contents.IManager,
  content: INotebookContent,
  names: Iterable<string>
): Promise<string> {
  let taken: ReadonlySet<string> | null = null;
  const path = await firstFree(names, async name => {
    taken ??= await namesBeside(contents, name);
    return taken.has(PathExt.basename(name));
  });
  await contents.save(path, { type: 'notebook', format: 'json', content });
  return path;
}

/** Copy what is on the screen beside the notebook. */
export async function keepScreen(contents: Contents.IManager, panel: NotebookPanel, label: string): Promise<string> {
  return writeNew(contents, screenOf(panel), namesForCopy(panel.context.localPath, label));
}

/**
 * Show what the server has now. The kernel stays, and the person stays at their cell. Call it while nothing is saved.
 *
 * @param place - where the person was before something asked them.
 */
export async function showServerVersion(panel: NotebookPanel, place: IPlace = placeOf(panel)): Promise<void> {
  const edited = new Set(unrendered(panel).map(cell => cell.model.id));
  await panel.context.revert();
  // What came from the server is no edit.
  panel.context.model.dirty = false;
  // JupyterLab shows the source of texts that have changed.
  for (const cell of unrendered(panel)) {
    cell.rendered = !edited.has(cell.model.id);
  }
  await goBackTo(panel, place);
}

/** Texts whose source is shown. */
function unrendered({ content }: NotebookPanel): MarkdownCell[] {
  return content.widgets.filter((cell: Cell): cell is MarkdownCell => {
    return cell.model.type === 'markdown' && !(cell as MarkdownCell).rendered;
  });
}
