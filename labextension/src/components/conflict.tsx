import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ConflictChoices } from '../conflict/choices';
import type { IChoice } from '../conflict/prompt';
import { ConflictView, IHeads } from './conflictview';

export interface IConflictBodyProps {
  readonly sentence: string;
  /** Said first when a version has changed again since the person was last asked. */
  readonly changedAgain: boolean;
  /** Null: there is a merge. */
  readonly whyNoMerge: string | null;
  readonly choices: readonly IChoice[];
  /** Null: there are no two versions to be shown. */
  readonly model: ConflictChoices | null;
  readonly heads: IHeads;
  readonly notes: readonly string[];
  readonly trans: TranslationBundle;
}

/** What has happened, what each button means, and all versions side by side. */
export function ConflictBody(props: IConflictBodyProps): JSX.Element {
  const { trans, model } = props;
  return (
    <>
      {props.changedAgain && <p role="alert">{trans.__('It was changed again meanwhile: please decide again.')}</p>}
      <p>
        {props.sentence} {props.whyNoMerge}
      </p>
      <details className="jp-terra-Conflict-choices" open={model === null}>
        <summary>{trans.__('What the buttons do')}</summary>
        <dl>
          {props.choices.map(choice => (
            <React.Fragment key={choice.resolution}>
              <dt>{choice.label}</dt>
              <dd>{choice.explanation}</dd>
            </React.Fragment>
          ))}
        </dl>
      </details>
      {model !== null && <ConflictView model={model} heads={props.heads} notes={props.notes} trans={trans} />}
    </>
  );
}
