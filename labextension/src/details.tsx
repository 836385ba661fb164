/** The dialog that says where a file is. */

import { Clipboard, Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Whereabouts } from './components/whereabouts';
import { present } from './present';
import type { IWhereabouts } from './sharing';
import { getWhereabouts } from './sharingapi';

export interface IDetails {
  readonly title: string;
  readonly path: string;
  readonly sentences: readonly string[];
  /** More than to close it. */
  readonly buttons?: readonly Dialog.IButton[];
}

/**
 * Say where a file is; what the workspace has to be asked for comes when it is known.
 *
 * @returns the button that was pressed.
 */
export async function showDetails(
  settings: ServerConnection.ISettings,
  details: IDetails,
  trans: TranslationBundle
): Promise<Dialog.IButton> {
  const dialog = new Dialog<unknown>({
    title: details.title,
    body: new DetailsWidget(settings, details, trans) as any, // a widget without a value
    buttons: [Dialog.cancelButton({ label: trans.__('Close') }), ...(details.buttons ?? [])],
    defaultButton: 0
  });
  dialog.addClass('jp-terra-DetailsDialog');
  return (await dialog.launch()).button;
}

class DetailsWidget extends ReactWidget {
  constructor(
    settings: ServerConnection.ISettings,
    private readonly _details: IDetails,
    private readonly _trans: TranslationBundle
  ) {
    super();
    void this._look(settings);
  }

  protected render(): JSX.Element {
    return (
      <Whereabouts
        sentences={this._details.sentences}
        found={this._found}
        failure={this._failure}
        now={present()}
        onCopy={copyText}
        trans={this._trans}
      />
    );
  }

  private async _look(settings: ServerConnection.ISettings): Promise<void> {
    try {
      this._found = await getWhereabouts(settings, this._details.path);
    } catch (error) {
      this._failure = error instanceof Error ? error.message : String(error);
    }
    this.update();
  }

  private _found: IWhereabouts | null = null;
  private _failure: string | null = null;
}

async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    Clipboard.copyToSystem(text); // pages without https have no other
  }
}
