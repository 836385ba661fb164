import { Token } from '@lumino/coreutils';
import type { OpenNotebooks } from './model';

/** The open notebooks and their states, for all plugins of this extension. */
export const IOpenNotebooks = new Token<OpenNotebooks>(
  'jupyter-terra-env:IOpenNotebooks',
  'Open notebooks, where their work is and who is editing them.'
);

/** Plugin and command ids start with it; so does the translation domain, with underscores. */
export const EXTENSION = 'jupyter-terra-env';
export const TRANSLATION_DOMAIN = 'jupyter_terra_env';
export const EVENT_SCHEMA = 'https://jupyter-terra-env.invalid/events/notebook-status/v1';

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
  details: 'terra-env:show-status',
  browserEdit: 'terra-env:browser-edit',
  browserPlayground: 'terra-env:browser-playground',
  browserPreview: 'terra-env:browser-preview'
} as const;
