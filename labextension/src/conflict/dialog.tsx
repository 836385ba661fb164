/**
 * The dialog about a conflict: keys belong to the list of differences, and *Merge* waits until everything is chosen.
 * Loaded when it is needed.
 */

import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { ConflictBody, IConflictBodyProps } from '../components/conflict';
import { showRow } from '../components/conflictview';
import type { IChoice } from './prompt';
import { mergeWaits } from './words';
import { ConflictChoices } from './choices';
import { sameCells } from './notebookdiff';
import type { IConflict, Resolution } from '../restapi';

export { whoMoved } from './threeway';

/** Keys that a dialog takes for its buttons. */
const OF_BUTTONS = ['Enter', 'ArrowLeft', 'ArrowRight'];

export class ConflictDialog extends Dialog<unknown> {
  constructor(title: string, props: IConflictBodyProps) {
    const body = ReactWidget.create(<ConflictBody {...props} />);
    body.addClass('jp-terra-Conflict');
    super({
      title,
      body: body as any, // a widget without a value
      buttons: buttonsFor(props.choices, props.trans),
      defaultButton: 0 // a person who is typing when it opens decides nothing by accident
    });
    this._props = props;
    this._list = body.node;
    this.addClass('jp-terra-ConflictDialog');
    props.model?.changed.connect(this._showWhetherMergeWaits);
    this._showWhetherMergeWaits();
  }

  dispose(): void {
    this._props.model?.changed.disconnect(this._showWhetherMergeWaits);
    super.dispose();
  }

  /** Null: nothing was decided. */
  async decision(): Promise<Resolution | null> {
    const { button } = await this.launch();
    return this._props.choices.find(choice => button.actions.includes(choice.resolution))?.resolution ?? null;
  }

  handleEvent(event: Event): void {
    const isOurs = event.type === 'keydown' && this._list.contains(event.target as Node);
    if (!isOurs || !OF_BUTTONS.includes((event as KeyboardEvent).key)) {
      super.handleEvent(event);
    }
  }

  resolve(index?: number): void {
    const isMerge = index !== undefined && this._props.choices[index - 1]?.resolution === 'merge';
    const { model } = this._props;
    const waiting = model?.open[0];
    if (!isMerge || model === null || waiting === undefined) {
      super.resolve(index);
      return;
    }
    // It waits: show what for.
    model.moveTo(model.changes.indexOf(waiting));
    requestAnimationFrame(() => {
      const row = this._list.querySelector<HTMLElement>('[aria-current=true]');
      row?.focus({ preventScroll: true });
      if (row?.parentElement != null) {
        showRow(row.parentElement, row);
      }
    });
  }

  private readonly _showWhetherMergeWaits = (): void => {
    const place = this._props.choices.findIndex(choice => choice.resolution === 'merge') + 1;
    const buttons = this.node.querySelectorAll('.jp-Dialog-footer .jp-Dialog-button');
    const button = place > 0 ? (buttons[place] as HTMLElement | undefined) : undefined;
    if (button !== undefined) {
      const waits = mergeWaits(this._props.model?.open.length ?? 0, this._props.trans);
      button.dataset.waits = String(waits !== null);
      button.title = waits ?? this._props.choices[place - 1]?.explanation ?? '';
    }
  };

  private readonly _props: IConflictBodyProps;
  private readonly _list: HTMLElement;
}

function buttonsFor(choices: readonly IChoice[], trans: TranslationBundle): Dialog.IButton[] {
  return [
    Dialog.cancelButton({ label: trans.__('Decide Later') }),
    ...choices.map(choice => {
      const options = { label: choice.label, caption: choice.explanation, actions: [choice.resolution] };
      if (choice.replaces) {
        return Dialog.warnButton(options);
      }
      return choice.isMain ? Dialog.okButton(options) : Dialog.createButton({ ...options, accept: false });
    })
  ] as Dialog.IButton[];
}

/** All versions side by side; null: there are no two to be shown. What was chosen before stays. */
export function modelOf(
  { theirs, base, merged, mine }: IConflict,
  screen: INotebookContent,
  before: ConflictChoices | null
): ConflictChoices | null {
  if (theirs === null) {
    return null;
  }
  // The server merged what is on the disk.
  const isOfScreen = mine !== null && sameCells(mine, screen);
  return new ConflictChoices({ base, mine: screen, theirs }, isOfScreen ? merged : null, before);
}
