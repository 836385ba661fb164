import * as React from 'react';
import type { IView } from '../views';
import { Icon } from './icon';

export interface IBadgeProps {
  readonly kind: 'mode' | 'place' | 'pause';
  readonly view: IView;
  readonly onClick: () => void;
}

/** A word or two with an icon; pressing it tells the rest. */
export function Badge({ kind, view, onClick }: IBadgeProps): JSX.Element {
  return (
    <button
      type="button"
      className="jp-terra-Badge"
      data-kind={kind}
      data-tone={view.tone}
      title={view.sentence}
      aria-label={`${view.text}. ${view.sentence}`}
      onClick={onClick}
    >
      <Icon name={view.icon} />
      <span className="jp-terra-Badge-text">{view.text}</span>
    </button>
  );
}
