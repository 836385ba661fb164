import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification, ReactWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import type { Widget } from '@lumino/widgets';
import * as React from 'react';
import { Banner } from '../components/banner';
import { IOpenNotebook, OpenNotebooks } from '../model';
import { isHeldElsewhere } from '../status';
import { secondTabBanner } from '../tabs';
import { CommandIds, EXTENSION, IOpenNotebooks, ReadingCommandIds, TRANSLATION_DOMAIN } from '../tokens';
import { BannerAction, bannerView, isReadOnly } from '../views';
import { MINUTES_PASS_MS } from '../when';

const COMMANDS: Readonly<Record<BannerAction, string>> = {
  playground: CommandIds.playground,
  preview: CommandIds.preview,
  copy: CommandIds.copy,
  'copy-to-edit': CommandIds.copyToEdit,
  wait: CommandIds.wait,
  'stop-waiting': CommandIds.stopWaiting,
  edit: CommandIds.edit,
  'take-over': CommandIds.takeOver,
  resolve: CommandIds.resolve,
  'show-newer': ReadingCommandIds.showNewer,
  'open-renamed': ReadingCommandIds.openRenamed,
  'save-again': ReadingCommandIds.saveAgain,
  'show-workspace-version': ReadingCommandIds.showWorkspaceVersion,
  'edit-here': CommandIds.editHere,
  'first-tab': CommandIds.firstTab
};

/** Says over a notebook who else is editing it, or that versions have parted, and offers the ways out. */
export const bannerPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:banner`,
  description: 'Shows over a notebook that another person is editing it, and offers what can be done.',
  autoStart: true,
  requires: [IOpenNotebooks],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, notebooks: OpenNotebooks, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const labels = bannerLabels(trans);
    notebooks.forEach(opened => {
      opened.panel.contentHeader.addWidget(new BannerWidget(app, opened, labels, trans));
      blockTypingWhileReadOnly(opened);
      notifyWhenFree(app, opened, trans);
    });
  }
};

function bannerLabels(trans: TranslationBundle): Readonly<Record<BannerAction, string>> {
  return {
    playground: trans.__('Open in Playground'),
    preview: trans.__('Preview'),
    copy: trans.__('Make a Copy'),
    'copy-to-edit': trans.__('Copy to Edit'),
    wait: trans.__('Notify Me When It Is Free'),
    'stop-waiting': trans.__('Do Not Notify Me'),
    edit: trans.__('Edit'),
    'take-over': trans.__('Edit Here Instead'),
    resolve: trans.__('Resolve…'),
    'show-newer': trans.__('Show It'),
    'open-renamed': trans.__('Open It'),
    'save-again': trans.__('Save Again'),
    'show-workspace-version': trans.__('Show the Workspace’s Version'),
    'edit-here': trans.__('Edit Here'),
    'first-tab': trans.__('Go to the First Tab')
  };
}

class BannerWidget extends ReactWidget {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _opened: IOpenNotebook,
    private readonly _labels: Readonly<Record<BannerAction, string>>,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-terra-BannerItem');
    this.hide();
    _opened.state.changed.connect(this._refresh, this);
    const timer = window.setInterval(() => document.visibilityState === 'visible' && this.update(), MINUTES_PASS_MS);
    this.disposed.connect(() => window.clearInterval(timer));
  }

  protected render(): JSX.Element | null {
    const banner = this._banner();
    return banner === null ? null : (
      <Banner banner={banner} spoken={this._spoken} labels={this._labels} onAction={this._act} />
    );
  }

  private _banner(timeless = false) {
    const { tab, waiting, status: told } = this._opened.state;
    const status = told === null || !timeless ? told : { ...told, workspaceSavedAt: null };
    return status === null
      ? null
      : (secondTabBanner(status, tab, this._trans) ?? bannerView(status, tab, waiting, this._trans));
  }

  private _refresh(): void {
    const banner = this._banner();
    const gist = this._banner(true)?.sentence ?? '';
    if (gist !== this._gist) {
      [this._gist, this._spoken] = [gist, banner?.sentence ?? ''];
    }
    this.setHidden(banner === null);
    this.update();
  }

  protected onUpdateRequest(message: Message): void {
    super.onUpdateRequest(message);
    void this.renderPromise?.then(() => this._makeRoom());
  }

  protected onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    this._makeRoom();
  }

  /** Layouts of Lumino ask for a least height; the banner's follows its text, which wraps. */
  private _makeRoom(): void {
    const height = `${(this.node.firstElementChild as HTMLElement | null)?.offsetHeight ?? 0}px`;
    if (this.node.style.minHeight !== height) {
      this.node.style.minHeight = height;
      this.parent?.fit();
    }
  }

  /** What the banner says but for the time: screen readers say it when this changes, not each minute. */
  private _gist = '';
  private _spoken = '';
  private readonly _act = (action: BannerAction): void => {
    void this._app.commands.execute(COMMANDS[action], { id: this._opened.panel.id });
  };
}

/** Nothing is typed into what cannot be saved. The notebook's metadata stay as they are. */
function blockTypingWhileReadOnly({ panel, state }: IOpenNotebook): void {
  const follow = () => {
    const blocked = state.status !== null && isReadOnly(state.status, state.tab);
    for (const cell of panel.content.widgets) {
      if (blocked) {
        cell.syncEditable = false;
        cell.readOnly = true;
      } else if (!cell.syncEditable) {
        cell.syncEditable = true; // takes the cell's own setting again
      }
    }
    if (state.status !== null) {
      // JupyterLab puts its own label there when a notebook is opened, and never takes it away.
      [...panel.toolbar.children()].filter(isReadOnlyLabel).forEach(label => label.dispose());
    }
  };
  state.changed.connect(follow);
  panel.content.modelContentChanged.connect(follow);
}

function isReadOnlyLabel(item: Widget): boolean {
  return item.node.dataset.jpItemName === 'read-only-indicator';
}

/** A notification when a notebook that was waited for is free; nothing is taken by itself. */
function notifyWhenFree(app: JupyterFrontEnd, { panel, state }: IOpenNotebook, trans: TranslationBundle): void {
  let waitedFor = false;
  state.changed.connect(() => {
    const held = state.status !== null && isHeldElsewhere(state.status);
    if (waitedFor && !held && state.status !== null) {
      Notification.info(trans.__('No one else is editing “%1” now.', PathExt.basename(state.path)), {
        autoClose: false,
        actions: [
          {
            label: trans.__('Edit now'),
            displayType: 'accent',
            callback: () => void app.commands.execute(CommandIds.edit, { id: panel.id })
          }
        ]
      });
    }
    waitedFor = held && state.waiting;
  });
}
