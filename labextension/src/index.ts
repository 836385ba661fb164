import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { badgesPlugin } from './plugins/badges';
import { bannerPlugin } from './plugins/banner';
import { commandsPlugin } from './plugins/commands';
import { conflictsPlugin } from './plugins/conflicts';
import { notebooksPlugin } from './plugins/notebooks';
import { presencePlugin } from './plugins/presence';
import { savesPlugin } from './plugins/saves';
import { statusBarPlugin } from './plugins/statusbar';

/** One plugin for each feature: any of them can be switched off by its id. */
const plugins: JupyterFrontEndPlugin<any>[] = [
  notebooksPlugin,
  savesPlugin,
  presencePlugin,
  badgesPlugin,
  statusBarPlugin,
  bannerPlugin,
  commandsPlugin,
  conflictsPlugin
];

export default plugins;
