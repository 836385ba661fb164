import type { ICell } from '@jupyterlab/nbformat';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { linesOf, plainLines, textOf } from '../conflict/cellmerge';
import type { ConflictChoices } from '../conflict/choices';
import { Choice, IRow, chosenCell } from '../conflict/threeway';
import { CellSide, Lines } from './cellside';

/** The notebook that *Merge* makes, as it is decided by now. */
export function ConflictPreview({ model, trans }: { model: ConflictChoices; trans: TranslationBundle }): JSX.Element {
  const rows = model.rows.filter(row => row.kind === 'cell');
  return (
    <div className="jp-terra-Merge-list" role="region" aria-label={trans.__('Preview of the merge')} tabIndex={0}>
      {rows.map(row => (
        <Result key={row.key} row={row} choice={model.choiceOf(row)} trans={trans} />
      ))}
    </div>
  );
}

interface IResultProps {
  readonly row: IRow;
  readonly choice: Choice | null;
  readonly trans: TranslationBundle;
}

const Result = React.memo(function Result({ row, choice, trans }: IResultProps): JSX.Element | null {
  if (choice === null) {
    return (
      <div className="jp-terra-Result" data-from="open">
        <p className="jp-terra-Side-note">{trans.__('To be chosen: yours or theirs.')}</p>
      </div>
    );
  }
  const cell = chosenCell(row, choice);
  if (cell === null) {
    return null;
  }
  return (
    <div className="jp-terra-Result" data-from={row.isSame ? 'same' : choice}>
      {!row.isSame && <p className="jp-terra-Side-note">{from(choice, trans)}</p>}
      {row.isSame ? <Text cell={cell} trans={trans} /> : <Whole cell={cell} trans={trans} />}
    </div>
  );
});

function Text({ cell, trans }: { cell: ICell; trans: TranslationBundle }): JSX.Element {
  return <Lines lines={plainLines(' ', linesOf(textOf(cell)))} trans={trans} />;
}

function Whole({ cell, trans }: { cell: ICell; trans: TranslationBundle }): JSX.Element {
  const name = trans.__('merged');
  return <CellSide side="base" name={name} base={null} cell={cell} did="none" isNotebook={false} trans={trans} />;
}

function from(choice: Choice, trans: TranslationBundle): string {
  if (choice === 'both') {
    return trans.__('Both changes together');
  }
  return choice === 'mine' ? trans.__('Yours') : trans.__('Theirs');
}
