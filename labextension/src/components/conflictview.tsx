import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { lineChanges, textOf } from '../conflict/cellmerge';
import type { ConflictChoices, IFold } from '../conflict/choices';
import { mergeWaits, optionLabel, rowWords } from '../conflict/words';
import { Choice, IRow, isOfBoth, optionsOf } from '../conflict/threeway';
import { CellSide, Lines } from './cellside';
import { ConflictPreview } from './conflictpreview';

export interface IHeads {
  /** Null: what both began with is not known. */
  readonly base: string | null;
  readonly mine: string;
  readonly theirs: string;
}

export interface IConflictViewProps {
  readonly model: ConflictChoices;
  readonly heads: IHeads;
  readonly notes: readonly string[];
  readonly trans: TranslationBundle;
}

/** All versions side by side, with a choice for each cell that differs. */
export function ConflictView({ model, heads, notes, trans }: IConflictViewProps): JSX.Element {
  const [, redraw] = React.useReducer((count: number) => count + 1, 0);
  const [previews, setPreviews] = React.useState(false);
  const [unfolds, setUnfolds] = React.useState(false);
  const list = React.useRef<HTMLDivElement>(null);
  const moving = React.useRef<'focus' | 'scroll' | null>(null);
  React.useEffect(() => {
    model.changed.connect(redraw);
    return () => void model.changed.disconnect(redraw);
  }, [model]);
  React.useEffect(() => {
    const row = moving.current === null ? null : list.current?.querySelector<HTMLElement>('[aria-current=true]');
    if (moving.current === 'focus') {
      row?.focus({ preventScroll: true });
    }
    if (row != null && list.current !== null) {
      showRow(list.current, row);
    }
    moving.current = null;
  });
  const moved = (act: () => void) => {
    moving.current = 'scroll';
    act();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey;
    const place = model.place;
    moving.current = 'focus';
    if (isPlain && model.press(event.key)) {
      event.preventDefault();
      event.stopPropagation();
      moving.current = model.place === place ? null : moving.current;
    } else {
      moving.current = null;
    }
  };
  return (
    <div className="jp-terra-Merge">
      {notes.map(note => (
        <p key={note}>{note}</p>
      ))}
      <Tools model={model} onMove={moved} previews={previews} trans={trans}>
        <Toggle label={trans.__('Show the Cells Between')} isOn={unfolds} onToggle={setUnfolds} />
        <Toggle label={trans.__('Preview the Merge')} isOn={previews} onToggle={setPreviews} />
      </Tools>
      {previews ? (
        <ConflictPreview model={model} trans={trans} />
      ) : (
        <div
          ref={list}
          className="jp-terra-Merge-list"
          role="region"
          aria-label={trans.__('What differs')}
          data-base={heads.base !== null}
          onKeyDown={onKeyDown}
        >
          <Heads heads={heads} trans={trans} />
          {model.lines.map(line =>
            'rows' in line ? (
              <Fold key={`${line.rows[0]?.key} ${unfolds}`} fold={line} isOpen={unfolds} trans={trans} />
            ) : (
              <Row
                key={line.key}
                row={line}
                number={model.numberOf(line)}
                choice={model.choiceOf(line)}
                isCurrent={line === model.current}
                hasBase={heads.base !== null}
                model={model}
                trans={trans}
              />
            )
          )}
        </div>
      )}
    </div>
  );
}

/** Scroll the list, and nothing around it, so that a row stands under the heads. */
export function showRow(list: HTMLElement, row: HTMLElement): void {
  const heads = (list.firstElementChild as HTMLElement | null)?.offsetHeight ?? 0;
  list.scrollTop = row.offsetTop - heads - 24;
}

interface IToolsProps {
  readonly model: ConflictChoices;
  readonly previews: boolean;
  readonly onMove: (act: () => void) => void;
  readonly trans: TranslationBundle;
  readonly children: React.ReactNode;
}

interface IToggleProps {
  readonly label: string;
  readonly isOn: boolean;
  readonly onToggle: (isOn: boolean) => void;
}

function Toggle({ label, isOn, onToggle }: IToggleProps): JSX.Element {
  return (
    <button type="button" className="jp-terra-Button" aria-pressed={isOn} onClick={() => onToggle(!isOn)}>
      {label}
    </button>
  );
}

function Tools({ model, previews, onMove, trans, children }: IToolsProps): JSX.Element {
  const { place, changes, open } = model;
  const button = (label: string, act: () => void, disabled = false) => (
    <button type="button" className="jp-terra-Button" onClick={act} disabled={disabled}>
      {label}
    </button>
  );
  return (
    <div className="jp-terra-Merge-tools" role="group" aria-label={trans.__('Go through what differs')}>
      {button(trans.__('Previous'), () => onMove(() => model.move(-1)), previews || place === 0)}
      {button(trans.__('Next'), () => onMove(() => model.move(1)), previews || place >= changes.length - 1)}
      {button(trans.__('Next to Choose'), () => onMove(() => model.moveToUndecided()), previews || open.length === 0)}
      {button(trans.__('Yours for the Rest'), () => model.decideRest('mine'), open.length === 0)}
      {button(trans.__('Theirs for the Rest'), () => model.decideRest('theirs'), open.length === 0)}
      {children}
      <span role="status" className="jp-terra-Merge-state">
        {changes.length === 0
          ? trans.__('Both versions have the same cells.')
          : trans.__('Change %1 of %2.', place + 1, changes.length)}{' '}
        {mergeWaits(open.length, trans) ?? trans.__('Merge can be pressed.')}
      </span>
      <span className="jp-terra-Merge-keys">
        {trans.__('Keys in the list: J and K next and previous, N next to choose, 1 yours, 2 theirs, 3 both changes.')}
      </span>
    </div>
  );
}

function Heads({ heads, trans }: { heads: IHeads; trans: TranslationBundle }): JSX.Element {
  return (
    <div className="jp-terra-Merge-heads">
      {heads.base !== null && (
        <div data-side="base">
          <b>{trans.__('Before')}</b> <span>{heads.base}</span>
        </div>
      )}
      <div data-side="mine">
        <b>{trans.__('Yours')}</b> <span>{heads.mine}</span>
      </div>
      <div data-side="theirs">
        <b>{trans.__('Theirs')}</b> <span>{heads.theirs}</span>
      </div>
    </div>
  );
}

interface IFoldProps {
  readonly fold: IFold;
  /** At first. */
  readonly isOpen: boolean;
  readonly trans: TranslationBundle;
}

function Fold({ fold, isOpen: opens, trans }: IFoldProps): JSX.Element {
  const [isOpen, setOpen] = React.useState(opens);
  const { length } = fold.rows;
  return (
    <details className="jp-terra-Merge-fold" open={isOpen} onToggle={event => setOpen(event.currentTarget.open)}>
      <summary tabIndex={-1}>
        {length === 1 ? trans.__('1 cell is the same') : trans.__('%1 cells are the same', length)}
      </summary>
      {isOpen && fold.rows.map(row => <pre key={row.key}>{textOf(row.mine ?? row.theirs)}</pre>)}
    </details>
  );
}

interface IRowProps {
  readonly row: IRow;
  readonly number: number;
  readonly choice: Choice | null;
  readonly isCurrent: boolean;
  readonly hasBase: boolean;
  readonly model: ConflictChoices;
  readonly trans: TranslationBundle;
}

const Row = React.memo(function Row(props: IRowProps): JSX.Element {
  const { row, number, choice, isCurrent, hasBase, model, trans } = props;
  const isNotebook = row.kind === 'notebook';
  const title = isNotebook ? trans.__('The notebook’s details') : trans.__('Cell %1', number);
  const words = rowWords(row, trans);
  const side = { base: row.base, isNotebook, trans };
  return (
    <div
      className="jp-terra-Merge-row"
      role="group"
      aria-label={`${title}: ${words}${choice === null ? `, ${trans.__('to be chosen')}` : ''}`}
      aria-current={isCurrent ? 'true' : undefined}
      data-open={choice === null}
      data-key={row.key}
      tabIndex={isCurrent ? 0 : -1}
      onFocus={() => isCurrent || model.moveTo(model.changes.indexOf(row))}
    >
      <div className="jp-terra-Merge-rowhead">
        <b>{title}</b>
        <span className="jp-terra-Merge-words" data-by={whose(row)}>
          {words}
        </span>
        <Options row={row} choice={choice} title={title} isCurrent={isCurrent} model={model} trans={trans} />
      </div>
      <div className="jp-terra-Merge-sides">
        {hasBase && <CellSide {...side} side="base" name={trans.__('before')} cell={row.base} did="none" />}
        <CellSide {...side} side="mine" name={trans.__('yours')} cell={row.mine} did={row.mineDid} />
        <CellSide {...side} side="theirs" name={trans.__('theirs')} cell={row.theirs} did={row.theirsDid} />
      </div>
      {choice === 'both' && !isNotebook && (
        <div className="jp-terra-Merge-both">
          <p className="jp-terra-Side-note">{trans.__('Both changes together:')}</p>
          <Lines lines={lineChanges(textOf(row.base), textOf(row.both))} trans={trans} />
        </div>
      )}
    </div>
  );
});

function whose(row: IRow): 'both' | 'mine' | 'theirs' {
  return isOfBoth(row) ? 'both' : row.theirsDid === 'unchanged' || row.theirsDid === 'none' ? 'mine' : 'theirs';
}

interface IOptionsProps {
  readonly row: IRow;
  readonly choice: Choice | null;
  readonly title: string;
  readonly isCurrent: boolean;
  readonly model: ConflictChoices;
  readonly trans: TranslationBundle;
}

function Options({ row, choice, title, isCurrent, model, trans }: IOptionsProps): JSX.Element {
  return (
    <fieldset className="jp-terra-Merge-options">
      <legend className="jp-terra-Unseen">{trans.__('Your choice: %1', title)}</legend>
      {choice === null && <span className="jp-terra-Merge-open">{trans.__('Choose:')}</span>}
      {optionsOf(row).map(option => (
        <label key={option}>
          <input
            type="radio"
            name={`terra-conflict ${row.key}`}
            value={option}
            checked={choice === option}
            tabIndex={isCurrent ? 0 : -1}
            onChange={() => model.choose(row, option)}
          />
          {optionLabel(row, option, trans)}
        </label>
      ))}
    </fieldset>
  );
}
