/** The dialog with the earlier versions of a notebook. */

import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { VersionAct, VersionList } from '../components/versionlist';
import { present } from '../present';
import { previewUrl } from '../restapi';
import { copyVersion, getHistory } from './api';
import type { IHistory, IVersion } from './history';

export interface IVersionsHost {
  readonly settings: ServerConnection.ISettings;
  readonly trans: TranslationBundle;
  /** Show a notebook. */
  open(path: string): void;
  /** Make a version the newest one, also in the tab that shows the notebook. */
  restore(path: string, generation: string): Promise<void>;
}

/** Show the versions of a notebook, until the person closes the dialog or one of them is restored or copied. */
export async function showVersions(host: IVersionsHost, path: string): Promise<void> {
  const { trans } = host;
  const body = new VersionsWidget(host, path);
  const dialog = new Dialog<unknown>({
    title: trans.__('Earlier versions of “%1”', PathExt.basename(path)),
    body: body as any, // a widget without a value
    buttons: [Dialog.cancelButton({ label: trans.__('Close') })],
    defaultButton: 0
  });
  dialog.addClass('jp-terra-VersionsDialog');
  body.done = () => dialog.dispose();
  await dialog.launch();
}

class VersionsWidget extends ReactWidget {
  constructor(
    private readonly _host: IVersionsHost,
    private readonly _path: string
  ) {
    super();
    void this._do(async () => {
      this._history = await getHistory(this._host.settings, this._path);
    });
  }

  /** Called when there is nothing more to choose. */
  done: () => void = () => undefined;

  protected render(): JSX.Element {
    return (
      <VersionList
        history={this._history}
        failure={this._failure}
        isBusy={this._isBusy}
        asked={this._asked}
        now={present()}
        onAct={(act, version) => void this._act(act, version)}
        trans={this._host.trans}
      />
    );
  }

  private async _act(act: VersionAct, version: IVersion): Promise<void> {
    const { settings, open, restore } = this._host;
    switch (act) {
      case 'preview':
        window.open(`${previewUrl(settings, this._path)}&generation=${version.generation}`, '_blank', 'noopener');
        return;
      case 'restore':
      case 'leave':
        // Asked here: another dialog would wait until this one is closed.
        this._asked = act === 'restore' ? version : null;
        this.update();
        return;
      case 'copy':
        return this._do(async () => {
          open(await copyVersion(settings, this._path, version.generation));
          this.done();
        });
      case 'meant':
        return this._do(async () => {
          await restore(this._path, version.generation);
          this.done();
        });
    }
  }

  private async _do(act: () => Promise<void>): Promise<void> {
    this._isBusy = true;
    this._failure = null;
    this.update();
    try {
      await act();
    } catch (error) {
      this._failure = error instanceof Error ? error.message : String(error);
    }
    this._isBusy = false;
    this.update();
  }

  private _history: IHistory | null = null;
  private _failure: string | null = null;
  private _isBusy = false;
  private _asked: IVersion | null = null;
}
