import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { badgesPlugin } from './plugins/badges';
import { notebooksPlugin } from './plugins/notebooks';
import { statusBarPlugin } from './plugins/statusbar';

/** One plugin for each feature: any of them can be switched off by its id. */
const plugins: JupyterFrontEndPlugin<any>[] = [notebooksPlugin, badgesPlugin, statusBarPlugin];

export default plugins;
