import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IWork } from '../pause/report';
import { IPauseKnown, whyInWords } from '../pause/views';
import { clockTime } from '../views';
import { Items } from './countdown';

export interface IPauseDetailsProps {
  readonly known: IPauseKnown;
  /** As `58 min`; null: no one has asked for time. */
  readonly keptFor: string | null;
  readonly hasServersTime: boolean;
  readonly trans: TranslationBundle;
}

/** Why this environment is still running, and why and when it will be paused. */
export function PauseDetails({ known, keptFor, hasServersTime, trans }: IPauseDetailsProps): JSX.Element {
  const { blockers, waits, keepAwake, state, unsafe, failure } = known.report;
  return (
    <div className="jp-terra-PauseDetails">
      <p>{whyInWords(known, trans)}</p>
      <Part title={trans.__('What keeps it running')} items={blockers.map(work => sinceWhen(work, trans))} />
      <Part title={trans.__('What waits for you')} items={waits.map(work => sinceWhen(work, trans))} />
      <Part
        title={trans.__('Not in the workspace yet')}
        items={state === 'pause-failed' && failure === 'unflushed' ? unsafe : []}
      />
      {keptFor !== null && <p>{trans.__('Somebody has asked to keep it running for %1 from now.', keptFor)}</p>}
      {keepAwake.untilJobsEnd && <p>{trans.__('Somebody has asked to keep it running until the jobs end.')}</p>}
      {!hasServersTime && <p>{trans.__('The time left is measured by this computer’s clock.')}</p>}
    </div>
  );
}

function Part({ title, items }: { readonly title: string; readonly items: readonly string[] }): JSX.Element | null {
  return items.length === 0 ? null : (
    <>
      <h2>{title}</h2>
      <Items items={items} />
    </>
  );
}

function sinceWhen({ detail, since }: IWork, trans: TranslationBundle): string {
  const time = clockTime(since);
  return time === null ? detail : trans.__('%1 (Since %2.)', detail, time);
}
