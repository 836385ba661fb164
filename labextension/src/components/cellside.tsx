import type { ICell } from '@jupyterlab/nbformat';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import {
  ILine,
  detailsOf,
  lineChanges,
  linesOf,
  outputsOf,
  plainLines,
  sameOutputs,
  textOf
} from '../conflict/cellmerge';
import { emptyWords } from '../conflict/words';
import { same } from '../conflict/notebookdiff';
import { IShownOutput, shownOutput } from '../shownoutput';
import type { Act } from '../conflict/threeway';

/** A page shows no more of one cell. */
const MOST_LINES = 1500;

export interface ICellSideProps {
  readonly side: 'base' | 'mine' | 'theirs';
  /** What the version is called, for images and screen readers. */
  readonly name: string;
  readonly base: ICell | null;
  readonly cell: ICell | null;
  readonly did: Act;
  readonly isNotebook: boolean;
  readonly trans: TranslationBundle;
}

/** A cell in one version, as a change of what both versions began with. */
export function CellSide({ side, name, base, cell, did, isNotebook, trans }: ICellSideProps): JSX.Element {
  if (cell === null) {
    return (
      <div className="jp-terra-Side" data-side={side} data-did={did}>
        <p className="jp-terra-Side-empty">{emptyWords(did, side, trans)}</p>
        {did === 'deleted' && <Lines lines={plainLines('-', linesOf(said(base, isNotebook)))} trans={trans} />}
      </div>
    );
  }
  const isChange = side !== 'base' && base !== null;
  const text = said(cell, isNotebook);
  const sign = side !== 'base' && did === 'added' ? '+' : ' ';
  const lines = isChange ? lineChanges(said(base, isNotebook), text) : plainLines(sign, linesOf(text));
  return (
    <div className="jp-terra-Side" data-side={side} data-did={did}>
      {did === 'unchanged' ? (
        <p className="jp-terra-Side-empty">{trans.__('As before')}</p>
      ) : (
        <>
          {isChange && base.cell_type !== cell.cell_type && (
            <p className="jp-terra-Side-note">{trans.__('Changed from %1 to %2.', base.cell_type, cell.cell_type)}</p>
          )}
          <Lines lines={lines} trans={trans} />
          {!isNotebook && <Details base={isChange ? base : null} cell={cell} trans={trans} />}
        </>
      )}
      <Outputs base={isChange ? base : null} cell={cell} did={did} name={name} trans={trans} />
    </div>
  );
}

function said(cell: ICell | null, isNotebook: boolean): string {
  return isNotebook && cell !== null ? JSON.stringify(cell.metadata, null, 2) : textOf(cell);
}

/** Lines of a text; signs say what colours say. */
export function Lines({ lines, trans }: { lines: readonly ILine[]; trans: TranslationBundle }): JSX.Element {
  const words = { '+': trans.__('added:'), '-': trans.__('removed:'), ' ': '' };
  return (
    <div className="jp-terra-Lines">
      {lines.slice(0, MOST_LINES).map((line, index) => (
        <div key={index} className="jp-terra-Line" data-sign={line.sign}>
          <span className="jp-terra-Line-sign" aria-hidden="true">
            {line.sign === '-' ? '−' : line.sign}
          </span>
          {line.sign !== ' ' && <span className="jp-terra-Unseen">{words[line.sign]} </span>}
          <span className="jp-terra-Line-text">
            {line.pieces.map((piece, at) => (piece.isNew ? <b key={at}>{piece.text}</b> : piece.text))}
          </span>
        </div>
      ))}
      {lines.length > MOST_LINES && (
        <p className="jp-terra-Side-note">{trans.__('And %1 more lines.', lines.length - MOST_LINES)}</p>
      )}
    </div>
  );
}

interface IOutputsProps {
  readonly base: ICell | null;
  readonly cell: ICell;
  readonly did: Act;
  readonly name: string;
  readonly trans: TranslationBundle;
}

function Details({
  base,
  cell,
  trans
}: {
  base: ICell | null;
  cell: ICell;
  trans: TranslationBundle;
}): JSX.Element | null {
  const [olds, news] = [detailsOf(base), detailsOf(cell)];
  const keys = [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter(key => !same(olds[key], news[key]));
  if (base === null || keys.length === 0) {
    return null;
  }
  const said = keys.map(
    key => `${key}: ${key in news ? JSON.stringify(news[key]).slice(0, 200) : trans.__('removed')}`
  );
  return <p className="jp-terra-Side-note">{trans.__('Details changed: %1', said.join(', '))}</p>;
}

function Outputs({ base, cell, did, name, trans }: IOutputsProps): JSX.Element | null {
  const outputs = outputsOf(cell);
  const before = outputsOf(base);
  if (outputs.length === 0 && before.length === 0) {
    return null;
  }
  const isChanged = base !== null && !sameOutputs(base, cell);
  if (base !== null && !isChanged) {
    return did === 'unchanged' ? null : <p className="jp-terra-Side-note">{trans.__('The output is as before.')}</p>;
  }
  if (outputs.length === 0) {
    return <p className="jp-terra-Side-note">{trans.__('The output was removed.')}</p>;
  }
  return (
    <div className="jp-terra-Outputs">
      <p className="jp-terra-Side-note">{isChanged ? trans.__('Output, changed:') : trans.__('Output:')}</p>
      {outputs.map((output, index) => (
        <Output key={index} output={shownOutput(output)} name={name} trans={trans} />
      ))}
    </div>
  );
}

function Output({
  output,
  name,
  trans
}: {
  output: IShownOutput;
  name: string;
  trans: TranslationBundle;
}): JSX.Element {
  if (output.image !== null) {
    return <img src={output.image} alt={trans.__('Output as an image: %1', name)} />;
  }
  return output.text === null ? (
    <p className="jp-terra-Side-note">{trans.__('Not shown here: %1', output.type)}</p>
  ) : (
    <pre>{output.isCut ? `${output.text}\n…` : output.text}</pre>
  );
}
