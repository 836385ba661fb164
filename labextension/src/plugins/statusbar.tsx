import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { ISignal, Signal } from '@lumino/signaling';
import * as React from 'react';
import { Badge } from '../components/badge';
import { OpenNotebooks } from '../model';
import { CommandIds, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';
import { modeView, placeView } from '../views';

/** The same for the current notebook in the status bar, which only JupyterLab has. */
export const statusBarPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:status-bar`,
  description: 'Shows mode and place of the work of the current notebook in the status bar.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    if (statusBar === null) {
      return;
    }
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const item = new StatusBarItem(app, notebooks, tracker, trans);
    statusBar.registerStatusItem(`${EXTENSION}:status-bar`, {
      item,
      align: 'left',
      rank: 90,
      isActive: () => item.isShownFor(app.shell.currentWidget),
      activeStateChanged: item.activeChanged
    });
  }
};

class StatusBarItem extends ReactWidget {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _notebooks: OpenNotebooks,
    private readonly _tracker: INotebookTracker,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-terra-StatusBarItem');
    _tracker.currentChanged.connect(() => this._refresh());
    _notebooks.forEach(({ state }) => state.changed.connect(() => this._refresh()));
  }

  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  /** Whether the current widget of the shell is a notebook of a workspace. */
  isShownFor(widget: unknown): boolean {
    const opened = this._notebooks.of(this._tracker.currentWidget);
    return opened !== null && opened.panel === widget && opened.state.status !== null;
  }

  protected render(): JSX.Element | null {
    const panel = this._tracker.currentWidget;
    const state = this._notebooks.of(panel)?.state;
    if (panel === null || !state?.status) {
      return null;
    }
    const show = () => void this._app.commands.execute(CommandIds.details, { id: panel.id });
    return (
      <>
        <Badge kind="mode" view={modeView(state.status, state.tab, this._trans)} onClick={show} />
        <Badge kind="place" view={placeView(state.status, state.tab, this._trans)} onClick={show} />
      </>
    );
  }

  private _refresh(): void {
    this.update();
    this._activeChanged.emit();
  }

  private _activeChanged = new Signal<this, void>(this);
}
