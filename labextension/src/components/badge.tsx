import * as React from 'react';
import type { BadgeSize } from '../badgesize';
import type { IView } from '../views';
import { Icon } from './icon';

export interface IBadgeProps {
  readonly kind: 'mode' | 'place' | 'pause';
  readonly view: IView;
  /** How much is said; all by default. */
  readonly size?: BadgeSize;
  /** When that was, in words. */
  readonly when?: string | null;
  readonly onClick: () => void;
}

/** A word or two with an icon; a click shows the rest. */
export function Badge({ kind, view, size, when, onClick }: IBadgeProps): JSX.Element {
  const full = fullText(view, when ?? null);
  return (
    <button
      type="button"
      className="jp-terra-Badge"
      data-kind={kind}
      data-tone={view.tone}
      data-size={size ?? 'full'}
      title={`${full}. ${view.sentence}`}
      aria-label={`${full}. ${view.sentence}`}
      onClick={onClick}
    >
      <Icon name={view.icon} />
      <span className="jp-terra-Badge-text">{size === 'short' ? (view.short ?? view.text) : full}</span>
    </button>
  );
}

/** What a badge says where there is room. */
export function fullText(view: IView, when: string | null): string {
  return when === null ? view.text : `${view.text}, ${when}`;
}
