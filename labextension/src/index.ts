import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { autopausePlugin } from './plugins/autopause';
import { badgesPlugin } from './plugins/badges';
import { bannerPlugin } from './plugins/banner';
import { changedOnDiskPlugin } from './plugins/changedondisk';
import { commandsPlugin } from './plugins/commands';
import { brokenCopiesPlugin } from './plugins/brokencopies';
import { conflictsPlugin } from './plugins/conflicts';
import { countdownPlugin } from './plugins/countdown';
import { fileBrowserPlugin } from './plugins/filebrowser';
import { hostPagePlugin } from './plugins/hostpage';
import { notebooksPlugin } from './plugins/notebooks';
import { pauseBadgePlugin } from './plugins/pausebadge';
import { pauseCommandsPlugin } from './plugins/pausecommands';
import { presencePlugin } from './plugins/presence';
import { previewPlugin } from './plugins/preview';
import { readingPlugin } from './plugins/reading';
import { readingCommandsPlugin } from './plugins/readingcommands';
import { savesPlugin } from './plugins/saves';
import { savingWordPlugin } from './plugins/savingword';
import { sharingPlugin } from './plugins/sharing';
import { tabsPlugin } from './plugins/tabs';
import { titlesPlugin } from './plugins/titles';
import { versionsPlugin } from './plugins/versions';

/** One plugin for each feature: any of them can be switched off by its id. */
const plugins: JupyterFrontEndPlugin<any>[] = [
  notebooksPlugin,
  savesPlugin,
  readingPlugin,
  readingCommandsPlugin,
  brokenCopiesPlugin,
  tabsPlugin,
  changedOnDiskPlugin,
  presencePlugin,
  badgesPlugin,
  titlesPlugin,
  bannerPlugin,
  commandsPlugin,
  conflictsPlugin,
  fileBrowserPlugin,
  savingWordPlugin,
  sharingPlugin,
  previewPlugin,
  versionsPlugin,
  hostPagePlugin,
  autopausePlugin,
  countdownPlugin,
  pauseBadgePlugin,
  pauseCommandsPlugin
];

export default plugins;
