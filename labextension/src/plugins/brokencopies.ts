import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { Contents, ServerConnection } from '@jupyterlab/services';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { isBroken } from '../reading';
import { getStatus, openWorkspaceVersion, serverPart } from '../restapi';
import { isInWorkspace } from '../serverpart';
import { EXTENSION, TRANSLATION_DOMAIN } from '../tokens';

/** A notebook whose copy on this disk is broken cannot be opened: offers the workspace's version. */
export const brokenCopiesPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:broken-copies`,
  description: 'Offers the workspace’s version of a notebook whose copy on this disk cannot be read.',
  autoStart: true,
  requires: [IDocumentManager],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, documents: IDocumentManager, translator: ITranslator | null) => {
    if (serverPart().folders.length === 0) {
      return;
    }
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const { contents, serverSettings } = app.serviceManager;
    const get = contents.get.bind(contents);
    contents.get = async (path, options) => {
      try {
        return await get(path, options);
      } catch (error) {
        if (options?.content !== false && isRefused(error) && isInWorkspace(serverPart(), path)) {
          void offerWorkspaceVersion(path, serverSettings, documents, trans);
        }
        throw error;
      }
    };
  }
};

function isRefused(error: unknown): boolean {
  return error instanceof ServerConnection.ResponseError && error.response.status === 400;
}

async function offerWorkspaceVersion(
  path: Contents.IModel['path'],
  settings: ServerConnection.ISettings,
  documents: IDocumentManager,
  trans: TranslationBundle
): Promise<void> {
  const status = await getStatus(settings, path).catch(() => null);
  if (status === null || !isBroken(status)) {
    return;
  }
  const open = async () => {
    try {
      await openWorkspaceVersion(settings, path);
      documents.openOrReveal(path);
    } catch (error) {
      const title = trans.__('This could not be done with “%1”', PathExt.basename(path));
      await showErrorMessage(title, error instanceof Error ? error.message : String(error));
    }
  };
  Notification.warning(trans.__('“%1”: %2', PathExt.basename(path), status.message), {
    autoClose: false,
    actions: [{ label: trans.__('Show the Workspace’s Version'), displayType: 'accent', callback: () => void open() }]
  });
}
