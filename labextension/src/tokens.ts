import { ReadonlyJSONObject, Token } from '@lumino/coreutils';
import type { OpenNotebooks } from './model';
import type { PauseModel } from './pause/model';
import type { PauseRequest } from './pause/restapi';
import type { SaveQueues } from './savequeue';

/** The open notebooks and their states, for all plugins of this extension. */
export const IOpenNotebooks = new Token<OpenNotebooks>(
  'jupyter-terra-env:IOpenNotebooks',
  'Open notebooks, where their work is and who is editing them.'
);

/** The saves of open notebooks, for plugins that show another version. */
export const ISaveQueues = new Token<SaveQueues>(
  'jupyter-terra-env:ISaveQueues',
  'Saves of open notebooks, one after the other; lets a plugin act while nothing is saved.'
);

/** The pause of this environment: what is known of it, and whom to ask. */
export interface IAutopause {
  readonly model: PauseModel;
  /** Ask the server how it is now: what runs begins and ends without an event. */
  refresh(): Promise<unknown>;
  /**
   * Ask for time or for the pause.
   *
   * @throws Refusal with the server's sentence.
   */
  ask(request: PauseRequest): Promise<void>;
}

export const IAutopause = new Token<IAutopause>(
  'jupyter-terra-env:IAutopause',
  'When and why this environment will be paused, and what can be asked of that.'
);

/** Plugin and command ids start with it; so does the translation domain, with underscores. */
export const EXTENSION = 'jupyter-terra-env';
export const TRANSLATION_DOMAIN = 'jupyter_terra_env';
export const EVENT_SCHEMA = 'https://jupyter-terra-env.invalid/events/notebook-status/v1';
export const AUTOPAUSE_SCHEMA = 'https://jupyter-terra-env.invalid/events/autopause/v1';
/** The ways on from a view that is outdated, gone or broken. */
export const ReadingCommandIds = {
  showNewer: 'terra-env:show-newer-version',
  openRenamed: 'terra-env:open-renamed',
  saveAgain: 'terra-env:save-again',
  showWorkspaceVersion: 'terra-env:show-workspace-version'
} as const;

/** What is typed and clicked in it is meant for it. */
export const COUNTDOWN_CLASS = 'jp-terra-Countdown';

/** The arguments of commands that act on a notebook: the one that is looked at, or another one by its panel's id. */
export const ARGS_OF_PANEL: ReadonlyJSONObject = {
  type: 'object',
  properties: { id: { type: 'string', description: 'The id of the notebook panel' } }
};
/** The arguments of commands that take none. */
export const NO_ARGS: ReadonlyJSONObject = { type: 'object', properties: {} };

export const CommandIds = {
  playground: 'terra-env:open-in-playground',
  preview: 'terra-env:preview',
  copy: 'terra-env:make-copy',
  copyToEdit: 'terra-env:copy-to-edit',
  edit: 'terra-env:edit',
  takeOver: 'terra-env:take-over',
  wait: 'terra-env:tell-when-free',
  stopWaiting: 'terra-env:stop-waiting',
  resolve: 'terra-env:resolve-conflict',
  editHere: 'terra-env:edit-here',
  firstTab: 'terra-env:go-to-first-tab',
  details: 'terra-env:show-status',
  pauseDetails: 'terra-env:show-pause',
  keepAwake: 'terra-env:keep-awake',
  untilJobsEnd: 'terra-env:keep-awake-until-jobs-end',
  endKeepAwake: 'terra-env:end-keep-awake',
  pauseNow: 'terra-env:pause-now',
  pauseAnyway: 'terra-env:pause-anyway',
  browserEdit: 'terra-env:browser-edit',
  browserPlayground: 'terra-env:browser-playground',
  browserPreview: 'terra-env:browser-preview',
  browserWhere: 'terra-env:browser-where',
  versions: 'terra-env:show-versions',
  browserVersions: 'terra-env:browser-versions'
} as const;
