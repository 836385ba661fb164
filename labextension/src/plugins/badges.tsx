import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IToolbarWidgetRegistry, ReactWidget, UseSignal } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { Badge } from '../components/badge';
import { NotebookState, OpenNotebooks } from '../model';
import type { INotebookStatus } from '../status';
import { CommandIds, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';
import { ITabState, IView, modeView, placeView } from '../views';

const FACTORY = 'Notebook';

/** Mode and place of the work in the toolbar of each notebook. */
export const badgesPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:badges`,
  description: 'Shows mode and place of the work in the toolbar of notebooks.',
  autoStart: true,
  requires: [IOpenNotebooks, IToolbarWidgetRegistry],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    toolbars: IToolbarWidgetRegistry,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const factory = (kind: 'mode' | 'place', view: View) => (panel: NotebookPanel) =>
      new BadgeWidget(kind, view, notebooks, panel, trans, () => {
        void app.commands.execute(CommandIds.details, { id: panel.id });
      });
    toolbars.addFactory<NotebookPanel>(FACTORY, 'terra-mode', factory('mode', modeView));
    toolbars.addFactory<NotebookPanel>(FACTORY, 'terra-place', factory('place', placeView));
  }
};

type View = (status: INotebookStatus, tab: ITabState, trans: TranslationBundle) => IView;

/** Shows nothing for notebooks outside workspaces. */
class BadgeWidget extends ReactWidget {
  constructor(
    private readonly _kind: 'mode' | 'place',
    private readonly _view: View,
    private readonly _notebooks: OpenNotebooks,
    private readonly _panel: NotebookPanel,
    private readonly _trans: TranslationBundle,
    private readonly _onClick: () => void
  ) {
    super();
    this.addClass('jp-terra-BadgeItem');
    // The toolbar may be made before the notebook is known.
    this._notebooks.added.connect(this.update, this);
  }

  protected render(): JSX.Element | null {
    const opened = this._notebooks.of(this._panel);
    return opened === null ? null : (
      <UseSignal signal={opened.state.changed}>{() => this._badge(opened.state)}</UseSignal>
    );
  }

  private _badge(state: NotebookState): JSX.Element | null {
    if (state.status === null) {
      return null;
    }
    const view = this._view(state.status, state.tab, this._trans);
    return <Badge kind={this._kind} view={view} onClick={this._onClick} />;
  }
}

