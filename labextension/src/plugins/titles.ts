import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { labIcon } from '../components/labicon';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { ITitle, titleOf } from '../titles';
import { EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';

/** Tells the tabs of one notebook apart: in edit, in the playground, read-only. */
export const titlesPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:titles`,
  description: 'Shows by name and icon of tabs whether a notebook is edited, read, or in the playground.',
  autoStart: true,
  requires: [IOpenNotebooks],
  optional: [ILabShell, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    labShell: ILabShell | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    notebooks.forEach(opened => {
      const title = () => titleOf(PathExt.basename(opened.state.path), opened.state.status, opened.state.tab, trans);
      followTitle(opened, title);
      if (labShell === null) {
        followPageTitle(opened, title);
      }
    });
  }
};

/**
 * The word is no part of the title's label: JupyterLab renames the file when that changes. It is drawn behind the label, from
 * the tab's data.
 */
function followTitle({ panel, state }: IOpenNotebook, title: () => ITitle): void {
  const own = panel.title.icon;
  const show = () => {
    const { suffix, icon } = title();
    if ((panel.title.dataset['terra-suffix'] ?? '') !== suffix) {
      panel.title.dataset = { ...panel.title.dataset, 'terra-suffix': suffix };
    }
    const wanted = icon === null ? own : labIcon(icon);
    if (panel.title.icon !== wanted) {
      panel.title.icon = wanted;
    }
  };
  state.changed.connect(show);
  if (state.status !== null) {
    show();
  }
}

/** In Notebook 7 a notebook has a browser tab of its own. */
function followPageTitle({ panel, state }: IOpenNotebook, title: () => ITitle): void {
  const show = () => {
    const { label, icon } = title();
    if (icon !== null || shown !== null) {
      shown = label;
      if (!document.title.startsWith(label)) {
        document.title = label;
      }
    }
  };
  let shown: string | null = null;
  const element = document.querySelector('title');
  const observer = new MutationObserver(show);
  if (element !== null) {
    observer.observe(element, { childList: true });
  }
  state.changed.connect(show);
  panel.disposed.connect(() => observer.disconnect());
}
