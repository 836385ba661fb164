import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IToolbarWidgetRegistry, ReactWidget, UseSignal } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';
import * as React from 'react';
import { BadgeSize, IWords, badgeSize, lineSize } from '../badgesize';
import { Badge, fullText } from '../components/badge';
import { NotebookState, OpenNotebooks } from '../model';
import { present } from '../present';
import { CommandIds, EXTENSION, IOpenNotebooks, TRANSLATION_DOMAIN } from '../tokens';
import { measureAgain, roomIn } from '../toolbarroom';
import { IView, modeView, placeView } from '../views';
import { MINUTES_PASS_MS, ago } from '../when';

const FACTORY = 'Notebook';
const ITEMS = ['terra-mode', 'terra-place'] as const;
const KINDS = { 'terra-mode': 'mode', 'terra-place': 'place' } as const;

/**
 * Mode and place of the work, once for each notebook: in its toolbar as far as there is room for it, otherwise in a line
 * above the notebook.
 */
export const badgesPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:badges`,
  description: 'Shows mode and place of the work in the toolbar of notebooks, or in a line above narrow ones.',
  autoStart: true,
  requires: [IOpenNotebooks, IToolbarWidgetRegistry],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: OpenNotebooks,
    toolbars: IToolbarWidgetRegistry,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const all = new WeakMap<NotebookPanel, Status>();
    const statusOf = (panel: NotebookPanel) => {
      const known = all.get(panel);
      const status = known ?? new Status(app, notebooks, panel, trans);
      all.set(panel, status);
      return status;
    };
    for (const item of ITEMS) {
      toolbars.addFactory<NotebookPanel>(FACTORY, item, panel => new BadgeItem(KINDS[item], statusOf(panel)));
    }
    notebooks.forEach(({ panel }) => panel.contentHeader.insertWidget(0, new StatusLine(statusOf(panel))));
  }
};

/** What is shown of one notebook, and where. */
class Status {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _notebooks: OpenNotebooks,
    private readonly _panel: NotebookPanel,
    private readonly _trans: TranslationBundle
  ) {
    // The toolbar may be made before the notebook is known.
    const known = this._notebooks.of(_panel);
    if (known === null) {
      this._notebooks.added.connect(this._begin, this);
    } else {
      known.state.changed.connect(this._refresh, this);
    }
    const timer = window.setInterval(() => document.visibilityState === 'visible' && this._refresh(), MINUTES_PASS_MS);
    _panel.disposed.connect(() => {
      window.clearInterval(timer);
      Signal.clearData(this);
    });
  }

  readonly changed = new Signal<this, void>(this);

  get size(): BadgeSize {
    return this._size;
  }

  get isShown(): boolean {
    return this._state?.status != null;
  }

  /** One of the badges, with all its words or few. */
  badge(kind: 'mode' | 'place', size: BadgeSize): JSX.Element | null {
    const view = this._view(kind);
    return view === null ? null : (
      <Badge
        kind={kind}
        view={view}
        size={size}
        when={this._when(view)}
        onClick={() => void this._app.commands.execute(CommandIds.details, { id: this._panel.id })}
      />
    );
  }

  /** See how much there is room for. */
  fit(): void {
    if (!this.isShown) {
      return; // to look for room has the browser lay the page out
    }
    const room = roomIn(this._panel.toolbar, ITEMS);
    if (room === null) {
      return;
    }
    const size = badgeSize(room, this.words);
    if (size !== this._size) {
      this._size = size;
      this.changed.emit();
    }
  }

  /** What both badges say, at length and in short. */
  get words(): IWords {
    const views = [this._view('mode'), this._view('place')].filter((view): view is IView => view !== null);
    return {
      full: views.map(view => fullText(view, this._when(view))),
      short: views.map(view => view.short ?? view.text)
    };
  }

  /** A badge has another width now. */
  noteWidth(): void {
    measureAgain(this._panel.toolbar, ITEMS);
  }

  private _begin(): void {
    const opened = this._notebooks.of(this._panel);
    if (opened !== null) {
      this._notebooks.added.disconnect(this._begin, this);
      opened.state.changed.connect(this._refresh, this);
      this._refresh();
    }
  }

  private _refresh(): void {
    this.fit();
    this.changed.emit();
  }

  private _view(kind: 'mode' | 'place'): IView | null {
    const state = this._state;
    const view = kind === 'mode' ? modeView : placeView;
    return state?.status == null ? null : view(state.status, state.tab, this._trans);
  }

  private _when(view: IView): string | null {
    return ago(view.at ?? null, present(), this._trans);
  }

  private get _state(): NotebookState | null {
    return this._notebooks.of(this._panel)?.state ?? null;
  }

  private _size: BadgeSize = 'short';
}

/** A badge in the toolbar. Shows nothing for notebooks outside workspaces, and where there is no room. */
class BadgeItem extends ReactWidget {
  constructor(
    private readonly _kind: 'mode' | 'place',
    private readonly _status: Status
  ) {
    super();
    this.addClass('jp-terra-BadgeItem');
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._status.changed}>
        {() => (
          <Measured onWidth={() => this._status.noteWidth()}>
            {this._status.size === 'line' ? null : this._status.badge(this._kind, this._status.size)}
          </Measured>
        )}
      </UseSignal>
    );
  }
}

/** Tells when what is in it has another width. */
function Measured({ onWidth, children }: { onWidth: () => void; children: React.ReactNode }): JSX.Element {
  const node = React.useRef<HTMLSpanElement>(null);
  const before = React.useRef(0);
  React.useLayoutEffect(() => {
    const width = node.current?.offsetWidth ?? 0;
    if (width !== before.current) {
      before.current = width;
      onWidth();
    }
  });
  return (
    <span ref={node} className="jp-terra-Measured">
      {children}
    </span>
  );
}

/** Both badges above a notebook whose toolbar has no room for them. */
class StatusLine extends ReactWidget {
  constructor(private readonly _status: Status) {
    super();
    this.addClass('jp-terra-StatusLine');
    this.hide();
    _status.changed.connect(this._refresh, this);
    this._refresh();
  }

  protected render(): JSX.Element | null {
    if (!this._isNeeded) {
      return null;
    }
    const size = lineSize(this.node.clientWidth, this._status.words);
    return (
      <>
        {this._status.badge('mode', size)}
        {this._status.badge('place', size)}
      </>
    );
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    const toolbar = (this.parent?.parent as NotebookPanel | null)?.toolbar;
    if (toolbar !== undefined) {
      this._observer = new ResizeObserver(() => {
        this._status.fit();
        this.update();
      });
      this._observer.observe(toolbar.node);
    }
  }

  protected onBeforeDetach(message: Message): void {
    this._observer?.disconnect();
    super.onBeforeDetach(message);
  }

  protected onResize(message: Widget.ResizeMessage): void {
    super.onResize(message);
    this._status.fit();
  }

  private get _isNeeded(): boolean {
    return this._status.isShown && this._status.size === 'line';
  }

  private _refresh(): void {
    if (this.isHidden === this._isNeeded) {
      this.setHidden(!this._isNeeded);
      this.parent?.fit();
    }
    this.update();
  }

  private _observer: ResizeObserver | null = null;
}
