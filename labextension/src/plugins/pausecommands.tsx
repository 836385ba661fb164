import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, Notification, ReactWidget, showDialog } from '@jupyterlab/apputils';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import type { IPauseReport } from '../pause/report';
import { IList, Lists } from '../components/countdown';
import { PauseDetails } from '../components/pausedetails';
import { roughly } from '../pause/durations';
import { PauseModel } from '../pause/model';
import { PauseAction, offeredAtAnyTime, pauseBadge, secondsToAskFor, whatIsRunning } from '../pause/views';
import type { PauseRequest } from '../pause/restapi';
import { Refusal } from '../restapi';
import { CommandIds, EXTENSION, IAutopause, NO_ARGS, TRANSLATION_DOMAIN } from '../tokens';
import { PAUSE_COMMANDS } from './countdown';

/** What can be asked about the pause of this environment. */
export const pauseCommandsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:pause-commands`,
  description: 'Commands for the pause of this environment: why and when, keep running, pause now.',
  autoStart: true,
  requires: [IAutopause],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    autopause: IAutopause,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const commands = new PauseCommands(app, autopause, trans);
    const add = (id: string, label: string, act: (report: IPauseReport) => Promise<void>) => {
      app.commands.addCommand(id, {
        describedBy: { args: NO_ARGS },
        label,
        isEnabled: () => autopause.model.known?.report.enabled === true,
        execute: () => commands.run(act)
      });
      palette?.addItem({ command: id, category: trans.__('Terra Workspace') });
    };
    add(CommandIds.pauseDetails, trans.__('Why Is This Environment Running?'), () => commands.explain());
    add(CommandIds.keepAwake, trans.__('Keep This Environment Running for an Hour'), report =>
      commands.keepAwake(report)
    );
    add(CommandIds.untilJobsEnd, trans.__('Keep This Environment Running until Its Jobs End'), () =>
      commands.untilJobsEnd()
    );
    add(CommandIds.endKeepAwake, trans.__('Do Not Keep This Environment Running'), () => commands.endKeepAwake());
    add(CommandIds.pauseNow, trans.__('Pause This Environment Now'), report => commands.pauseNow(report));
    add(
      CommandIds.pauseAnyway,
      trans.__('Pause This Environment Although Not Everything Is in the Workspace'),
      report => commands.pauseAnyway(report)
    );
  }
};

class PauseCommands {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _autopause: IAutopause,
    private readonly _trans: TranslationBundle
  ) {}

  /** Run a command; show the server's sentence if it was refused. */
  async run(act: (report: IPauseReport) => Promise<void>): Promise<void> {
    await this._autopause.refresh();
    const report = this._autopause.model.known?.report;
    if (report === undefined) {
      return;
    }
    try {
      await act(report);
    } catch (error) {
      const sentence =
        error instanceof Refusal ? error.message : this._trans.__('Jupyter does not answer: nothing was changed.');
      Notification.warning(sentence, { autoClose: TOLD_MS });
    }
  }

  async keepAwake(report: IPauseReport): Promise<void> {
    await this._ask({ action: 'keep-awake', seconds: secondsToAskFor(report) });
    const { model } = this._autopause;
    const left = model.secondsUntil(model.known?.report.keepAwake.until ?? null);
    if (left !== null) {
      this._tell(this._trans.__('This environment is kept running for %1.', roughly(left, this._trans)));
    }
  }

  async untilJobsEnd(): Promise<void> {
    await this._ask({ action: 'keep-awake-until-jobs-end' });
    this._tell(this._trans.__('This environment is kept running until its jobs end.'));
  }

  async endKeepAwake(): Promise<void> {
    await this._ask({ action: 'end-keep-awake' });
    this._tell(this._trans.__('This environment is not kept running any longer than it works or is used.'));
  }

  async pauseNow(report: IPauseReport): Promise<void> {
    if (whatIsRunning(report).length === 0 || (await this._isMeant([this._stopped(report)]))) {
      await this._ask({ action: 'pause-now', force: false });
    }
  }

  async pauseAnyway(report: IPauseReport): Promise<void> {
    const sentence = this._trans.__('This is on the disk of this environment only, until it runs again:');
    if (await this._isMeant([{ sentence, items: report.unsafe }, this._stopped(report)])) {
      await this._ask({ action: 'pause-now', force: true });
    }
  }

  /** Say why it is running, and offer what can be done. */
  async explain(): Promise<void> {
    const { model } = this._autopause;
    const { _trans: trans } = this;
    const known = model.known;
    if (known === null) {
      return;
    }
    const offered = offeredAtAnyTime(known.report, trans);
    const body = new PauseDetailsWidget(model, trans);
    const answer = await showDialog({
      title: trans.__('This environment: %1', pauseBadge(known, trans)?.text ?? ''),
      body: body as any, // a widget without a value
      buttons: [
        Dialog.cancelButton({ label: trans.__('Close') }),
        ...offered.map(({ action, label }) => buttonFor(action, label))
      ],
      defaultButton: 0
    });
    const action = offered.find(button => answer.button.actions.includes(button.action))?.action;
    if (action !== undefined) {
      await this._app.commands.execute(PAUSE_COMMANDS[action]);
    }
  }

  private _stopped(report: IPauseReport): IList {
    return { sentence: this._trans.__('This will stop:'), items: whatIsRunning(report) };
  }

  private async _isMeant(lists: readonly IList[]): Promise<boolean> {
    const answer = await showDialog({
      title: this._trans.__('Pause this environment now?'),
      body: ReactWidget.create(<Lists lists={lists} />) as any, // a widget without a value
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: this._trans.__('Pause Now') })],
      defaultButton: 0
    });
    return answer.button.accept;
  }

  private _ask(request: PauseRequest): Promise<void> {
    return this._autopause.ask(request);
  }

  private _tell(sentence: string): void {
    Notification.info(sentence, { autoClose: TOLD_MS });
  }
}

const TOLD_MS = 8000;

/** One button is meant to be found first; the pause and what gives time back are there for who looks for them. */
function buttonFor(action: PauseAction, label: string): Dialog.IButton {
  const options = { label, actions: [action], accept: true };
  return action === 'keep-awake'
    ? Dialog.okButton(options)
    : Dialog.createButton({ ...options, className: 'jp-terra-QuietButton', displayType: 'default' });
}

/** Keeps up with the time while the dialog is open. */
class PauseDetailsWidget extends ReactWidget {
  constructor(
    private readonly _model: PauseModel,
    private readonly _trans: TranslationBundle
  ) {
    super();
    _model.changed.connect(this._refresh, this);
  }

  protected render(): JSX.Element | null {
    const { known } = this._model;
    if (known === null) {
      return null;
    }
    const kept = this._model.secondsUntil(known.report.keepAwake.until);
    return (
      <PauseDetails
        known={known}
        keptFor={kept === null ? null : roughly(kept, this._trans)}
        hasServersTime={this._model.hasServersTime}
        trans={this._trans}
      />
    );
  }

  private _refresh(): void {
    this.update();
  }
}
