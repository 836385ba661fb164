/** The server's sentences in the person's language: each has a code; one that is not known here is shown as it came. Pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IPauseNews } from './pause/report';
import { byBucket } from './bucketsentences';
import type { ILock, INotebookStatus } from './status';

/** A status whose sentences can be shown. */
export function statusInWords(status: INotebookStatus, trans: TranslationBundle): INotebookStatus {
  const { lock } = status;
  return {
    ...status,
    message: workInWords(status, trans) ?? status.message,
    lock: lock === null ? null : { ...lock, message: lockInWords(lock, trans) ?? lock.message }
  };
}

/** News of the pause whose sentence can be shown. */
export function pauseInWords<T extends IPauseNews>(news: T, trans: TranslationBundle): T {
  return { ...news, message: pauseSentence(news, trans) ?? news.message };
}

function workInWords({ code, bucket, reason }: INotebookStatus, trans: TranslationBundle): string | null {
  const [place, cause] = (code ?? '').split(':');
  const trouble = byBucket(reason ?? '', bucket ?? '', trans);
  if (place === 'on-disk' && (cause === undefined || trouble !== null)) {
    const owed = trans.__('Saved on this disk, NOT in the workspace yet; it is tried again until it succeeds.');
    return trouble === null ? owed : `${owed} ${trouble}`;
  }
  if (place === 'offline' && trouble !== null) {
    return `${trans.__('This is the copy on this disk; the workspace may hold a newer one.')} ${trouble}`;
  }
  if (place === 'locked') {
    const refused = refusalInWords(cause, null, trans);
    return refused === null ? null : `${trans.__('Saved on this disk, NOT in the workspace.')} ${refused}`;
  }
  return place === 'conflict' ? refusalInWords(cause, null, trans) : plainWork(code ?? '', trans);
}

function plainWork(code: string, trans: TranslationBundle): string | null {
  switch (code) {
    case 'in-workspace':
      return trans.__('Saved on this disk and in the workspace.');
    case 'in-workspace:not-on-this-disk':
      return trans.__("This is the workspace's version; there is no copy of it on this disk.");
    case 'in-workspace:written-by-program':
      return trans.__(
        'A program changed this file on this disk, and the workspace has that version. Where it is open, reload it from the disk to see it.'
      );
    case 'uploading':
      return trans.__('Saved on this disk; on its way to the workspace.');
    case 'offline:remote-changed':
      return trans.__(
        'This is the copy on this disk; the workspace holds a newer version. Close the notebook and open it again to see that one; nothing was overwritten.'
      );
    case 'playground':
      return trans.__('Playground: changes stay on this disk and are never saved to the workspace.');
    case 'local-only:name-pattern':
      return trans.__('Kept on this disk only: files of this name are not saved to the workspace.');
    case 'local-only:impossible-name':
      return trans.__(
        'Kept on this disk only: the workspace cannot hold a file of this name. Rename it to change that.'
      );
    default:
      return programWork(code, trans);
  }
}

/** What a program wrote, and why it is not brought to the workspace. */
function programWork(code: string, trans: TranslationBundle): string | null {
  switch (code) {
    case 'on-disk:unreadable':
      return trans.__(
        'The copy on this disk cannot be read as what its name says (damaged or half-written), so it is NOT brought to the workspace, where nothing was changed. Repair the file, or open the workspace version: this copy is then kept beside it.'
      );
    case 'on-disk:emptied':
      return trans.__(
        'The copy on this disk was emptied by a program, so it is NOT brought to the workspace, where nothing was changed. Save it in Jupyter if that is meant, or open the workspace version.'
      );
    case 'on-disk:unmerged':
      return trans.__(
        'The copy on this disk has the markers of an unfinished merge, so it is NOT brought to the workspace, where nothing was changed. Finish the merge, or open the workspace version: this copy is then kept beside it.'
      );
    case 'on-disk:still-being-written':
      return trans.__(
        'A program is writing this file on this disk; it is brought to the workspace once it has been still for a moment.'
      );
    case 'on-disk:no-access':
      return trans.__(
        "This server may not read the copy on this disk, so it is NOT brought to the workspace: correct the file's permissions."
      );
    case 'on-disk:not-checked':
      return trans.__(
        'The copy on this disk could not be checked, so it is NOT in the workspace yet; it is tried again until it succeeds.'
      );
    case 'on-disk:too-demanding':
      return trans.__(
        'Checking the copy on this disk takes more time or memory than this server allows, so it is NOT brought to the workspace, where nothing was changed. Make the file smaller, or open the workspace version: this copy is then kept beside it.'
      );
    case 'on-disk:journal-replaced':
      return trans.__(
        "Saved on this disk, NOT in the workspace: the server's journal was replaced or removed while the server ran (has this disk been restored?). Restart the server."
      );
    case 'on-disk:written-by-program':
      return trans.__(
        'A program wrote this file on this disk; it is NOT in the workspace: open it, or save it in Jupyter.'
      );
    default:
      return null;
  }
}

function lockInWords({ code }: ILock, trans: TranslationBundle): string | null {
  switch (code) {
    case 'held':
      return trans.__('You are editing this notebook.');
    case 'free':
      return trans.__('No one is editing this notebook.');
    case 'free:void':
      return trans.__(
        'No one is editing this notebook: its lock is set to expire more than a day from now, which no editor does, and is ignored.'
      );
    case 'held-by-other':
      return trans.__(
        'Another person is editing this notebook: it is read-only here. Open it in the playground, make a copy, or wait until it is free.'
      );
    case 'held-by-other:lost':
      return trans.__(
        'Another person is editing this notebook now: your edit lock had expired. What was not saved to the workspace is kept on this disk.'
      );
    case 'held-elsewhere':
      return trans.__(
        'You are editing this notebook in another environment: it is read-only here. Take over to edit it here.'
      );
    case 'held-elsewhere:lost':
      return trans.__(
        'You took over this notebook in another environment. What was not saved to the workspace is kept on this disk.'
      );
    case 'not-permitted':
      return trans.__(
        'The workspace bucket does not let this account lock notebooks, so this one is read-only here. Open it in the playground or make a copy, or ask an owner of the workspace for access.'
      );
    case 'unknown':
      return trans.__('It is unknown whether another person is editing this notebook.');
    default:
      return null;
  }
}

/**
 * Why something was refused.
 *
 * @param reason - the code of the refusal.
 * @param bucket - the bucket that it is about.
 * @returns null for a code that is not known here, or whose sentence names what only the server knows.
 */
export function refusalInWords(
  reason: string | null | undefined,
  bucket: string | null,
  trans: TranslationBundle
): string | null {
  switch (reason) {
    case 'locked-by-other':
      return trans.__(
        'Another person is editing this notebook: nothing was changed in the workspace. Save yours under a new name, open the notebook in the playground, or wait until it is free.'
      );
    case 'locked-elsewhere':
      return trans.__(
        'You are editing this notebook in another environment: nothing was changed in the workspace. Take over to edit it here, or save yours under a new name.'
      );
    case 'remote-changed':
      return trans.__(
        'This notebook was changed in the workspace since you opened it. Your version is kept on this disk, theirs in the workspace; nothing was overwritten. Save yours under a new name, or open the workspace version.'
      );
    case 'remote-deleted':
      return trans.__(
        'This notebook was deleted from the workspace since you opened it. Your version is kept on this disk. Save it under a new name to put it back.'
      );
    case 'name-taken':
      return trans.__(
        'A notebook of this name is already in the workspace. Your version is kept on this disk, theirs in the workspace; nothing was overwritten. Save yours under a new name.'
      );
    default:
      return pauseRefusal(reason ?? '', trans) ?? (bucket === null ? null : byBucket(reason ?? '', bucket, trans));
  }
}

function pauseRefusal(reason: string, trans: TranslationBundle): string | null {
  switch (reason) {
    case 'longest-work-reached':
      return trans.__(
        'Jobs may run without a person only for a limited time (max_busy_seconds), which has been reached: keep the environment running until the jobs end, or work in a notebook.'
      );
    case 'keep-awake-used-up':
      return trans.__(
        'The longest time that can be requested has been used up (max_snooze_seconds): work in a notebook to get more.'
      );
    case 'no-jobs':
      return trans.__('Nothing is running that could be waited for.');
    case 'being-paused':
      return trans.__('The environment is being paused already.');
    case 'not-a-time':
      return trans.__('The time to keep the environment running must be a positive number of seconds.');
    default:
      return null;
  }
}

function pauseSentence({ code, blockers }: IPauseNews, trans: TranslationBundle): string | null {
  switch (code) {
    case 'active':
      return trans.__('Someone is working here.');
    case 'working':
      return trans.__('Still running: %1.', named(blockers, trans));
    case 'idle:off':
      return trans.__('No one is here and nothing is running; autopause is off.');
    case 'idle:max-busy':
      return trans.__(
        'Unattended work may only run for a limited time (max_busy_seconds): %1.',
        named(blockers, trans)
      );
    case 'idle:kept':
      return trans.__('Kept running because someone asked for it.');
    case 'idle:grace':
      return trans.__('No one is here and nothing is running; extra time is granted because this server was away.');
    case 'idle:leonardo':
      return trans.__(
        'No one is here and nothing is running; Leonardo pauses this environment, by its own clock and the autopause time that is set in Terra.'
      );
    case 'idle:nobody':
      return trans.__('No one is here and nothing is running.');
    case 'flushing':
      return trans.__('Saving everything before the pause.');
    case 'pausing':
      return trans.__('The environment is being paused.');
    case 'paused':
      return trans.__('The environment is paused.');
    default:
      return failureSentence(code ?? '', trans);
  }
}

function failureSentence(code: string, trans: TranslationBundle): string | null {
  switch (code) {
    case 'pause-due':
      return trans.__(
        'The environment should be paused now, but nothing that can pause it is configured (pause_chain).'
      );
    case 'pause-due:leonardo':
      return trans.__(
        'No one has been here and nothing has been running for the idle time; Leonardo pauses this environment once no request has come through its proxy for the autopause time that is set in Terra, and no kernel is busy.'
      );
    case 'pause-failed':
      return trans.__('Not paused.');
    case 'pause-failed:unflushed':
      return trans.__(
        'Not paused: some files are not in the workspace yet, or not saved in a browser tab. It will be tried again.'
      );
    case 'pause-failed:actuators':
      return trans.__('Not paused: no pause method succeeded. It will be tried again.');
    case 'pause-failed:still-running':
      return trans.__(
        'Not paused: the pause was accepted, but the environment is still running. It will be tried again.'
      );
    default:
      return null;
  }
}

/** What works; the server names it. */
function named(blockers: IPauseNews['blockers'], trans: TranslationBundle): string {
  const [blocker] = blockers;
  if (blocker === undefined) {
    return trans.__('a job that has just ended');
  }
  const first = blocker.detail.replace(/\.$/, '');
  return blockers.length === 1 ? first : trans.__('%1, and %2 more', first, blockers.length - 1);
}
