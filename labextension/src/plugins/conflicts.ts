import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ConflictPrompt } from '../conflict/prompt';
import { ConflictResolver } from '../conflict/resolver';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { SaveQueues } from '../savequeue';
import { isConflict } from '../status';
import { ARGS_OF_PANEL, CommandIds, EXTENSION, IOpenNotebooks, ISaveQueues, TRANSLATION_DOMAIN } from '../tokens';

const PLUGIN_ID = `${EXTENSION}:conflicts`;

/** Asks what is to become of two versions, once for each conflict, and does it. */
export const conflictsPlugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Shows both versions of a notebook in conflict, and does what is decided.',
  autoStart: true,
  requires: [IOpenNotebooks, INotebookTracker, IDocumentManager],
  optional: [ISaveQueues, ITranslator, ISettingRegistry, ICommandPalette],
  activate: async (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    saves: SaveQueues | null,
    translator: ITranslator | null,
    settings: ISettingRegistry | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const resolver = new ConflictResolver(app, documents, saves ?? new SaveQueues(), trans);
    app.commands.addCommand(CommandIds.resolve, {
      describedBy: { args: ARGS_OF_PANEL },
      label: trans.__('Resolve Conflict…'),
      isEnabled: () => {
        const status = notebooks.of(tracker.currentWidget)?.state.status;
        return status != null && isConflict(status);
      },
      execute: args => {
        const named = typeof args.id === 'string' ? tracker.find(panel => panel.id === args.id) : undefined;
        const opened = notebooks.of(named ?? tracker.currentWidget);
        return opened === null ? undefined : resolver.decide(opened);
      }
    });
    palette?.addItem({ command: CommandIds.resolve, category: trans.__('Terra Workspace') });
    const loaded = await settings?.load(PLUGIN_ID);
    const asks = () => loaded?.composite.askAtOnce !== false;
    askOncePerConflict(notebooks, tracker, opened => (asks() ? resolver.decide(opened) : undefined));
  }
};

/** Ask by itself when a conflict comes up, as soon as the person can see the notebook. */
function askOncePerConflict(
  notebooks: OpenNotebooks,
  tracker: INotebookTracker,
  ask: (opened: IOpenNotebook) => unknown
): void {
  const prompts = new WeakMap<object, ConflictPrompt>();
  const consider = (opened: IOpenNotebook) => {
    const prompt = prompts.get(opened.panel.context);
    const isSeen = opened.panel.isVisible && document.visibilityState === 'visible';
    if (prompt?.isDue && isSeen) {
      prompt.noteAsked();
      void ask(opened);
    }
  };
  const considerAll = () => notebooks.all.forEach(consider);
  notebooks.forEach(opened => {
    // Several views of one document are asked about once.
    const prompt = prompts.get(opened.panel.context) ?? new ConflictPrompt();
    prompts.set(opened.panel.context, prompt);
    const note = () => {
      if (opened.state.status !== null) {
        prompt.note(opened.state.status);
        consider(opened);
      }
    };
    opened.state.statusReceived.connect(note);
    note();
  });
  tracker.currentChanged.connect(considerAll);
  document.addEventListener('visibilitychange', considerAll);
}
