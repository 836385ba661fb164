import * as React from 'react';
import type { BannerAction, IBanner } from '../views';
import { Icon } from './icon';

export interface IBannerProps {
  readonly banner: IBanner;
  readonly labels: Readonly<Record<BannerAction, string>>;
  readonly onAction: (action: BannerAction) => void;
}

/** A sentence over the notebook, and what can be done. Screen readers say the sentence when it changes. */
export function Banner({ banner, labels, onAction }: IBannerProps): JSX.Element {
  return (
    <div className="jp-terra-Banner" data-tone={banner.tone}>
      <Icon name={banner.icon} />
      <span className="jp-terra-Banner-sentence" role="status">
        {banner.sentence}
      </span>
      <span className="jp-terra-Banner-actions">
        {banner.actions.map(action => (
          <button
            key={action}
            type="button"
            className="jp-terra-Button"
            data-action={action}
            onClick={() => onAction(action)}
          >
            {labels[action]}
          </button>
        ))}
      </span>
    </div>
  );
}
