import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { keepScreen, showServerVersion } from '../notebookcontent';
import { SaveQueues } from '../savequeue';
import type { ITabs } from '../tabs';
import { ARGS_OF_PANEL, CommandIds, EXTENSION, IOpenNotebooks, ISaveQueues, TRANSLATION_DOMAIN } from '../tokens';

const TOLD_MS = 10_000;
const SHOWN_MS = 8000;

/** One tab of a notebook edits it; the others say so, and lead to it or take its place. */
export const tabsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:tabs`,
  description: 'Keeps several tabs of one notebook from saving over each other.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker],
  optional: [ISaveQueues, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    saves: SaveQueues | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const queues = saves ?? new SaveQueues();
    const first = new WeakMap<object, IOpenNotebook>();
    notebooks.forEach(opened => {
      const known = first.get(opened.panel.context);
      if (known !== undefined) {
        beLike(known, opened);
        return;
      }
      first.set(opened.panel.context, opened);
      saveOnlyWhereItIsEdited(opened);
      const tab = new NotebookTab(app, opened, queues, trans);
      opened.state.tabsReceived.connect((_, tabs) => void tab.follow(tabs));
    });
    const add = (id: string, label: string, act: (opened: IOpenNotebook) => void) =>
      app.commands.addCommand(id, {
        describedBy: { args: ARGS_OF_PANEL },
        label,
        isEnabled: args => find(args.id)?.state.tab.otherTab !== undefined,
        execute: args => {
          const opened = find(args.id);
          return opened === null ? undefined : act(opened);
        }
      });
    const find = (id: unknown) => notebooks.of(tracker.find(panel => panel.id === id) ?? tracker.currentWidget);
    add(CommandIds.editHere, trans.__('Edit Here'), ({ state }) => state.say('edit-here'));
    add(CommandIds.firstTab, trans.__('Go to the First Tab'), ({ state }) => {
      state.say('show-editor');
      const name = PathExt.basename(state.path);
      Notification.info(trans.__('Look for the tab “▶ %1”: that one edits it.', name), { autoClose: TOLD_MS });
    });
  }
};

/** Another view of the same document in this page: what one may do, both may. */
function beLike({ state: first }: IOpenNotebook, { state }: IOpenNotebook): void {
  const follow = () => state.setTab({ otherTab: first.tab.otherTab, connection: first.tab.connection });
  state.say = action => first.say(action);
  first.changed.connect(follow);
  follow();
}

/** A tab that only reads saves nothing: the version of the other one would be lost. */
function saveOnlyWhereItIsEdited({ panel, state }: IOpenNotebook): void {
  const { context } = panel;
  const save = context.save.bind(context);
  context.save = () => (state.tab.otherTab === undefined ? save() : Promise.reject(quietly()));
}

/** What JupyterLab takes for the person's own "no": it shows no dialog. */
function quietly(): Error {
  const error = new Error('Cancel');
  error.name = 'ModalCancelError';
  return error;
}

class NotebookTab {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _opened: IOpenNotebook,
    private readonly _saves: SaveQueues,
    private readonly _trans: TranslationBundle
  ) {}

  /** Follow what the server sends about the tabs. */
  async follow(tabs: ITabs): Promise<void> {
    const { state } = this._opened;
    const before = this._before; // each change of the notebook sends its tabs again
    this._before = tabs;
    if (tabs.show) {
      this._show();
    }
    if (tabs.refused && !before?.refused) {
      this._sayRefused();
    }
    if (tabs.asked) {
      if (!before?.asked) {
        state.say((await this._saveAll()) ? 'give-up' : 'keep');
      }
    } else if (!tabs.edits) {
      state.setTab({ otherTab: tabs.free ? 'closed' : 'edits' });
    } else if (state.tab.otherTab !== undefined && !this._isTaking) {
      this._isTaking = true;
      await this._takeSeat().finally(() => (this._isTaking = false));
    }
  }

  /** Show what the disk has, then let the person type; what is only on the screen is kept first. */
  private async _takeSeat(): Promise<void> {
    const { panel, state } = this._opened;
    await this._saves.exclusively(panel.context, async () => {
      if (panel.context.model.dirty) {
        const contents = this._app.serviceManager.contents;
        const kept = await keepScreen(contents, panel, this._trans.__('my edits'));
        const sentence = this._trans.__('What was on the screen is kept as “%1”.', PathExt.basename(kept));
        Notification.info(sentence, { autoClose: TOLD_MS });
      }
      await showServerVersion(panel);
    });
    state.setTab({ otherTab: undefined });
  }

  /** Whether everything that this tab holds is saved now. */
  private async _saveAll(): Promise<boolean> {
    const { context } = this._opened.panel;
    for (let attempt = 0; attempt < 3 && context.model.dirty; attempt++) {
      try {
        await context.save();
      } catch {
        return false; // its own dialog or badge says why
      }
    }
    return !context.model.dirty;
  }

  private _sayRefused(): void {
    const name = PathExt.basename(this._opened.state.path);
    const sentence = this._trans.__('The other tab of “%1” holds what it could not save: go there first.', name);
    Notification.warning(sentence, { autoClose: TOLD_MS });
  }

  /** No page may bring itself to the front: its title says where it is. */
  private _show(): void {
    const { panel, state } = this._opened;
    this._app.shell.activateById(panel.id);
    window.focus();
    const sign = `▶ ${PathExt.basename(state.path)}`;
    const before = document.title;
    document.title = sign;
    window.setTimeout(() => {
      if (document.title === sign) {
        document.title = before;
      }
    }, SHOWN_MS);
    Notification.info(this._trans.__('This tab edits “%1”.', PathExt.basename(state.path)), { autoClose: SHOWN_MS });
  }

  private _before: ITabs | null = null;
  private _isTaking = false;
}
