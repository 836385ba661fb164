import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';
import { Badge } from '../components/badge';
import { PauseModel } from '../pause/model';
import { pauseBadge } from '../pause/views';
import { CommandIds, EXTENSION, IAutopause, TRANSLATION_DOMAIN } from '../tokens';

/** In Notebook 7's menu row: after the spacer, before the kernel's name. */
const MENU_RANK = 10_005;

/** Why this environment is running, in a few words: in the status bar, or in Notebook 7's menu row, which has none. */
export const pauseBadgePlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:pause-badge`,
  description: 'Shows whether this environment is working, idle, or about to be paused.',
  autoStart: true,
  requires: [IAutopause],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    { model }: IAutopause,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const item = new PauseBadge(model, trans, () => void app.commands.execute(CommandIds.pauseDetails));
    if (statusBar === null) {
      app.shell.add(item, 'menu', { rank: MENU_RANK });
      return;
    }
    statusBar.registerStatusItem(`${EXTENSION}:pause-badge`, {
      item,
      align: 'left',
      rank: 95,
      isActive: () => item.isShown,
      activeStateChanged: item.activeChanged
    });
  }
};

class PauseBadge extends ReactWidget {
  constructor(
    private readonly _model: PauseModel,
    private readonly _trans: TranslationBundle,
    private readonly _onClick: () => void
  ) {
    super();
    this.id = `${EXTENSION}-pause-badge`; // the shell asks for one
    this.addClass('jp-terra-StatusBarItem');
    _model.changed.connect(this._refresh, this);
  }

  get isShown(): boolean {
    return this._view() !== null;
  }

  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  protected render(): JSX.Element | null {
    const view = this._view();
    return view === null ? null : <Badge kind="pause" view={view} onClick={this._onClick} />;
  }

  private _view() {
    const known = this._model.known;
    return known === null ? null : pauseBadge(known, this._trans);
  }

  private _refresh(): void {
    this.update();
    this._activeChanged.emit();
  }

  private _activeChanged = new Signal<this, void>(this);
}
