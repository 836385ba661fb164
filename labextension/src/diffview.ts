/** The difference of two notebooks, side by side. Loaded when it is needed: it brings nbdime. */

import type { IEditorServices } from '@jupyterlab/codeeditor';
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { ITranslator } from '@jupyterlab/translation';
import { Panel, Widget } from '@lumino/widgets';
import { NotebookDiffModel } from 'nbdime/lib/diff/model';
import { NotebookDiffWidget } from 'nbdime/lib/diff/widget';
import 'nbdime/lib/common/collapsible.css';
import 'nbdime/lib/common/dragpanel.css';
import 'nbdime/lib/styles/common.css';
import 'nbdime/lib/styles/diff.css';
import 'nbdime/lib/styles/variables.css';
import 'nbdime/lib/upstreaming/flexpanel.css';
import { comparable, notebookDiff } from './notebookdiff';

export interface IDiffOptions {
  /** Shown left. */
  readonly theirs: INotebookContent;
  /** Shown right. */
  readonly mine: INotebookContent;
  readonly rendermime: IRenderMimeRegistry;
  readonly editors: IEditorServices;
  readonly translator: ITranslator;
}

/** Make the widget; it is complete when the promise is fulfilled. */
export async function diffView({ theirs, mine, rendermime, editors, translator }: IDiffOptions): Promise<Widget> {
  const base = comparable(theirs);
  const diff = notebookDiff(base, comparable(mine));
  const view = new NotebookDiffWidget({
    // Both libraries describe the same JSON with types of their own.
    model: new NotebookDiffModel(base, diff as any),
    rendermime,
    editorFactory: editors.factoryService.newInlineEditor.bind(editors.factoryService),
    translator
  });
  const root = new Panel();
  root.addClass('nbdime-root');
  root.addWidget(view);
  const panel = new Panel();
  panel.addClass('nbdime-Widget');
  panel.addWidget(root);
  await view.init();
  return panel;
}
