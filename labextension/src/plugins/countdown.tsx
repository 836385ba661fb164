import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification, ReactWidget } from '@jupyterlab/apputils';
import { ITranslator, TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import * as React from 'react';
import type { Phase } from '../pause/report';
import { Countdown } from '../components/countdown';
import { announcement, countdownView } from '../pause/countdown';
import { PauseModel } from '../pause/model';
import type { PauseAction } from '../pause/views';
import { CommandIds, EXTENSION, IAutopause, TRANSLATION_DOMAIN } from '../tokens';

/** The command behind each button. */
export const PAUSE_COMMANDS: Readonly<Record<PauseAction, string>> = {
  'keep-awake': CommandIds.keepAwake,
  'until-jobs-end': CommandIds.untilJobsEnd,
  'end-keep-awake': CommandIds.endKeepAwake,
  'pause-now': CommandIds.pauseNow,
  'pause-anyway': CommandIds.pauseAnyway
};

/** Says over everything that the environment is about to be paused, and what can be done. */
export const countdownPlugin: JupyterFrontEndPlugin<void> = {
  id: `${EXTENSION}:countdown`,
  description: 'Shows a countdown before this environment is paused.',
  autoStart: true,
  requires: [IAutopause],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, { model }: IAutopause, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const act = (action: PauseAction) => void app.commands.execute(PAUSE_COMMANDS[action]);
    tellWhenRefused(model);
    // What screen readers are to say must be in a region that is there before; nothing is known of the pause until then.
    void app.restored.then(() => Widget.attach(new CountdownWidget(model, act, trans), document.body));
  }
};

class CountdownWidget extends ReactWidget {
  constructor(
    private readonly _model: PauseModel,
    private readonly _act: (action: PauseAction) => void,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-terra-CountdownItem');
    _model.changed.connect(this._refresh, this);
  }

  protected render(): JSX.Element {
    const known = this._model.known;
    const view = known === null ? null : countdownView(known, this._trans);
    const said = known === null ? '' : announcement(known, this._before, this._trans);
    return (
      <>
        <div className="jp-terra-Unseen" role="status">
          {said}
        </div>
        {view !== null && (
          <Countdown countdown={view} name={this._trans.__('Pause of this environment')} onAction={this._act} />
        )}
      </>
    );
  }

  private _refresh(): void {
    const state = this._model.known?.report.state ?? null;
    if (state !== this._state) {
      [this._before, this._state] = [this._state, state];
    }
    this.update();
  }

  private _state: Phase | null = null;
  private _before: Phase | null = null;
}

/** A person who has asked for the pause is shown why it did not come about, also after the next key has ended the countdown. */
function tellWhenRefused(model: PauseModel): void {
  let before: Phase | null = null;
  model.changed.connect(() => {
    const report = model.known?.report;
    if (report?.state === 'pause-failed' && report.reason === 'requested' && before !== 'pause-failed') {
      Notification.error(report.message, { autoClose: false });
    }
    before = report?.state ?? null;
  });
}
