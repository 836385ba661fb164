/** What was on the screen of a read-only view, before it is replaced: kept on this disk, and nowhere else unasked. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { namesForCopy } from './names';
import { noticeToOpen } from './notices';
import { keepScreen, screenOf, writeNew } from './notebookcontent';
import type { INotebookStatus } from './status';

/**
 * Keep what is on the screen in the playground, which stays on this disk. A workspace without a playground has no such
 * place: the person is asked whether the workspace is to have it.
 *
 * @throws when it could not be written: then nothing may be replaced.
 */
export async function keepOnThisDisk(
  contents: Contents.IManager,
  panel: NotebookPanel,
  status: INotebookStatus,
  documents: IDocumentManager,
  trans: TranslationBundle
): Promise<void> {
  const label = trans.__('my edits');
  const tell = (path: string, sentence: string) =>
    noticeToOpen(sentence, trans.__('Open'), () => documents.openOrReveal(path));
  if (status.playgroundPath !== null) {
    const kept = await writeNew(contents, screenOf(panel), namesForCopy(status.playgroundPath, label));
    tell(
      kept,
      trans.__('What you changed is kept on this disk only, in the playground, as “%1”.', PathExt.basename(kept))
    );
  } else if (await isToBeCopied(trans)) {
    const kept = await keepScreen(contents, panel, label);
    tell(kept, trans.__('What you changed is kept in the workspace as “%1”.', PathExt.basename(kept)));
  }
}

async function isToBeCopied(trans: TranslationBundle): Promise<boolean> {
  const answer = await showDialog({
    title: trans.__('Keep what you changed in this view?'),
    body: trans.__('It is in no file, and this notebook is about to show what the workspace has.'),
    buttons: [
      Dialog.warnButton({ label: trans.__('Discard'), accept: false, actions: ['discard'] }),
      Dialog.okButton({ label: trans.__('Keep a Copy in the Workspace') })
    ],
    defaultButton: 1
  });
  return !answer.button.actions.includes('discard');
}
