import * as React from 'react';
import type { ICountdown } from '../pause/countdown';
import type { PauseAction } from '../pause/views';
import { COUNTDOWN_CLASS } from '../tokens';
import { Icon } from './icon';

export interface ICountdownProps {
  readonly countdown: ICountdown;
  /** Names the region for screen readers. */
  readonly name: string;
  readonly onAction: (action: PauseAction) => void;
}

/** What is about to happen, why, what it costs, and what can be done. The time that runs down is not read aloud. */
export function Countdown({ countdown, name, onAction }: ICountdownProps): JSX.Element {
  const { tone, icon, title, left, sentence, items, notes, buttons } = countdown;
  return (
    <section className={COUNTDOWN_CLASS} data-tone={tone} aria-label={name}>
      <Icon name={icon} />
      <div className="jp-terra-Countdown-words">
        <div className="jp-terra-Countdown-title">
          {title}{' '}
          {left !== null && (
            <span className="jp-terra-Countdown-left" role="timer" aria-live="off">
              {left}
            </span>
          )}
        </div>
        <div className="jp-terra-Countdown-sentence">{sentence}</div>
        <Items items={items} />
        {notes.length > 0 && <div className="jp-terra-Countdown-notes">{notes.join(' ')}</div>}
      </div>
      {buttons.length > 0 && (
        <div className="jp-terra-Countdown-actions">
          {buttons.map(({ action, label, unavailable }) => (
            <button
              key={action}
              type="button"
              className="jp-terra-Button"
              data-action={action}
              disabled={unavailable !== null}
              title={unavailable ?? undefined}
              onClick={() => onAction(action)}
            >
              {label}
            </button>
          ))}
        </div>
      )}
    </section>
  );
}

/** Things one below the other; nothing for none. */
export function Items({ items }: { readonly items: readonly string[] }): JSX.Element | null {
  return items.length === 0 ? null : (
    <ul className="jp-terra-Items">
      {items.map((item, index) => (
        <li key={index}>{item}</li>
      ))}
    </ul>
  );
}

export interface IList {
  readonly sentence: string;
  readonly items: readonly string[];
}

/** Lists with a sentence each; those without items are left out. */
export function Lists({ lists }: { readonly lists: readonly IList[] }): JSX.Element {
  return (
    <div className="jp-terra-PauseDetails">
      {lists
        .filter(({ items }) => items.length > 0)
        .map(({ sentence, items }) => (
          <React.Fragment key={sentence}>
            <p>{sentence}</p>
            <Items items={items} />
          </React.Fragment>
        ))}
    </div>
  );
}
