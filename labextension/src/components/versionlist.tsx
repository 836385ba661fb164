import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { IHistory, IVersion, kindInWords, savedInWords } from '../versions/history';
import { INow, moment } from '../when';

/** `restore` is asked about first: then it is meant, or left. */
export type VersionAct = 'preview' | 'copy' | 'restore' | 'meant' | 'leave';

export interface IVersionListProps {
  /** Null: it is being asked for. */
  readonly history: IHistory | null;
  /** Why something could not be done. */
  readonly failure: string | null;
  readonly isBusy: boolean;
  /** The version about whose restoring the person is asked. */
  readonly asked: IVersion | null;
  readonly now: INow;
  readonly onAct: (act: VersionAct, version: IVersion) => void;
  readonly trans: TranslationBundle;
}

/** The versions of a notebook, newest first, and what can be done with each. */
export function VersionList(props: IVersionListProps): JSX.Element {
  const { history, failure, now, trans } = props;
  const none = history !== null && history.versions.every(({ state }) => state === 'live');
  return (
    <div className="jp-terra-Versions">
      {failure !== null && <p role="alert">{failure}</p>}
      {history === null && failure === null && <p role="status">{trans.__('Looking…')}</p>}
      {none && <p>{trans.__('The bucket has no earlier version of this notebook.')}</p>}
      {history?.hint != null && <p className="jp-terra-Versions-hint">{history.hint}</p>}
      {history !== null && (
        <ul>
          {history.versions.map(version => (
            <Row key={`${version.generation}-${version.state}`} version={version} {...props} />
          ))}
          {history.checkpoints.map(time => (
            <li key={time}>
              <span className="jp-terra-Versions-when">{moment(time, now) ?? time}</span>
              <span>{trans.__('Jupyter’s checkpoint, on this disk only: File → Revert Notebook to Checkpoint')}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Row(props: IVersionListProps & { readonly version: IVersion }): JSX.Element {
  const { version, asked, history, now, trans } = props;
  return (
    <li data-state={version.state}>
      <span className="jp-terra-Versions-when">{savedInWords(version, now, trans)}</span>
      <span>{kindInWords(version, now, trans)}</span>
      {version === asked ? (
        <span className="jp-terra-Versions-question" role="alert">
          {history?.hint == null
            ? trans.__('Everybody in the workspace gets it. The version of now stays among the earlier ones.')
            : trans.__('Everybody in the workspace gets it. The version of now will be gone: the bucket keeps none.')}
        </span>
      ) : null}
      {version.state !== 'live' && <Acts {...props} />}
    </li>
  );
}

function Acts({ version, asked, isBusy, now, onAct, trans }: Parameters<typeof Row>[0]): JSX.Element {
  const saved = savedInWords(version, now, trans);
  const button = (act: VersionAct, label: string) => (
    <button
      type="button"
      className="jp-terra-Button"
      data-act={act}
      disabled={isBusy}
      aria-label={`${label}: ${saved}`}
      onClick={() => onAct(act, version)}
    >
      {label}
    </button>
  );
  return (
    <span className="jp-terra-Versions-acts">
      {version === asked ? (
        <>
          {button('leave', trans.__('Cancel'))}
          {button('meant', trans.__('Restore for Everybody'))}
        </>
      ) : (
        <>
          {version.isReadable && button('preview', trans.__('Preview'))}
          {version.isReadable && button('copy', trans.__('Make a Copy'))}
          {button('restore', trans.__('Restore…'))}
        </>
      )}
    </span>
  );
}
