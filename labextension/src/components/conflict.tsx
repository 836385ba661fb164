import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IChoice } from '../conflicts';
import { clockTime } from '../views';

export interface IConflictIntroductionProps {
  readonly sentence: string;
  /** Said first when the other version has changed again since the person was last asked. */
  readonly changedAgain: boolean;
  readonly theirsUpdated: string | null;
  /** There is another version, but not to be shown. */
  readonly isTooLarge: boolean;
  readonly choices: readonly IChoice[];
  readonly trans: TranslationBundle;
}

/** What has happened, and what each choice means. */
export function ConflictIntroduction(props: IConflictIntroductionProps): JSX.Element {
  const { trans } = props;
  const time = clockTime(props.theirsUpdated);
  return (
    <div className="jp-terra-Conflict-introduction">
      {props.changedAgain && <p role="alert">{trans.__('It was changed again meanwhile: please decide again.')}</p>}
      <p>
        {props.sentence} {time === null ? '' : trans.__('Theirs is of %1.', time)}
      </p>
      {props.isTooLarge && <p>{trans.__('The versions are too large to be shown side by side.')}</p>}
      <dl>
        {props.choices.map(choice => (
          <React.Fragment key={choice.resolution}>
            <dt>{choice.label}</dt>
            <dd>{choice.explanation}</dd>
          </React.Fragment>
        ))}
      </dl>
    </div>
  );
}
