import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IWhereabouts } from '../sharing';
import { INow, ago, moment } from '../when';

export interface IWhereaboutsProps {
  /** What is said first, a sentence each. */
  readonly sentences: readonly string[];
  /** Null: it is being asked for. */
  readonly found: IWhereabouts | null;
  /** Why it could not be asked for. */
  readonly failure: string | null;
  readonly now: INow;
  readonly onCopy: (text: string) => Promise<void>;
  readonly trans: TranslationBundle;
}

/** Where a file is: in the workspace, on the disk, and who edited it last. */
export function Whereabouts(props: IWhereaboutsProps): JSX.Element {
  const { sentences, found, failure, trans } = props;
  return (
    <div className="jp-terra-Whereabouts">
      {sentences.map(sentence => (
        <p key={sentence}>{sentence}</p>
      ))}
      {failure !== null && <p role="alert">{failure}</p>}
      {found === null && failure === null && <p role="status">{trans.__('Looking…')}</p>}
      {found !== null && <Facts {...props} found={found} />}
    </div>
  );
}

function Facts({ found, now, onCopy, trans }: IWhereaboutsProps & { readonly found: IWhereabouts }): JSX.Element {
  const address = (text: string) => <Address text={text} onCopy={onCopy} trans={trans} />;
  const edited = editedInWords(found, now, trans);
  return (
    <>
      <dl>
        <dt>{trans.__('In the workspace')}</dt>
        <dd>
          {found.uri === null ? trans.__('No: it stays on this disk, and no one else sees it.') : address(found.uri)}
        </dd>
        {found.uri !== null && !found.isInWorkspace && found.trouble === null && (
          <dd>{trans.__('Nothing with this name is there yet.')}</dd>
        )}
        <dt>{trans.__('On this disk')}</dt>
        <dd>{found.diskPath === null ? trans.__('No copy.') : address(found.diskPath)}</dd>
        {edited !== null && <dt>{trans.__('Last saved there')}</dt>}
        {edited !== null && <dd>{edited}</dd>}
      </dl>
      {found.trouble !== null && <p>{found.trouble}</p>}
    </>
  );
}

/** A path to be copied. */
function Address({
  text,
  onCopy,
  trans
}: {
  readonly text: string;
  readonly onCopy: (text: string) => Promise<void>;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const [copied, setCopied] = React.useState(false);
  return (
    <span className="jp-terra-Address">
      <code>{text}</code>
      <button
        type="button"
        className="jp-terra-Button"
        aria-label={copied ? trans.__('Copied') : trans.__('Copy “%1”', text)}
        onClick={() => void onCopy(text).then(() => setCopied(true))}
      >
        {copied ? trans.__('Copied') : trans.__('Copy')}
      </button>
    </span>
  );
}

function editedInWords(found: IWhereabouts, now: INow, trans: TranslationBundle): string | null {
  const when = ago(found.updated, now, trans);
  const exactly = moment(found.updated, now);
  if (when === null || exactly === null) {
    return null;
  }
  const time = when === exactly ? when : trans.__('%1 (%2)', when, exactly);
  return found.lastEditor === null ? time : trans.__('%1; last edited by %2', time, found.lastEditor);
}
