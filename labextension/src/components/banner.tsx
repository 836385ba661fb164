import * as React from 'react';
import { slotsOf } from '../slots';
import type { BannerAction, IBanner } from '../views';
import { Icon } from './icon';

export interface IBannerProps {
  readonly banner: IBanner;
  /** What screen readers say: the sentence as it was when it last changed, but for the minutes that pass. */
  readonly spoken: string;
  readonly labels: Readonly<Record<BannerAction, string>>;
  readonly onAction: (action: BannerAction) => void;
}

/** A sentence over the notebook, and what can be done. */
export function Banner({ banner, spoken, labels, onAction }: IBannerProps): JSX.Element {
  const { first, isPrimary, others } = slotsOf(banner.actions);
  const button = (action: BannerAction, primary = false) => (
    <button
      key={action}
      type="button"
      className="jp-terra-Button"
      data-action={action}
      data-primary={primary || undefined}
      onClick={() => onAction(action)}
    >
      {labels[action]}
    </button>
  );
  return (
    <div className="jp-terra-Banner" data-tone={banner.tone}>
      <Icon name={banner.icon} />
      <span className="jp-terra-Unseen" role="status">
        {spoken}
      </span>
      <span className="jp-terra-Banner-sentence">{banner.sentence}</span>
      <span className="jp-terra-Banner-actions">
        {first !== null && (
          <span className="jp-terra-Banner-first">
            {button(first, isPrimary)}
            {/* As wide as the widest of what may stand here next: nothing moves under the pointer. */}
            {SAME_PLACE.filter(action => SAME_PLACE.includes(first) && action !== first).map(action => (
              <span key={action} className="jp-terra-Button" aria-hidden="true" data-words={labels[action]} />
            ))}
          </span>
        )}
        {others.map(action => button(action))}
      </span>
    </div>
  );
}

/** Buttons that replace each other in the first place while a person waits for a notebook. */
const SAME_PLACE: readonly BannerAction[] = ['wait', 'stop-waiting', 'edit'];
