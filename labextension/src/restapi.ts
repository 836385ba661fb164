/** The server's endpoints. Stateless; every answer is checked. */

import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import type { INotebookContent } from '@jupyterlab/nbformat';
import { ServerConnection } from '@jupyterlab/services';
import { IServerPart, PAGE_OPTION, isInWorkspace, readServerPart } from './serverpart';
import { INotebookStatus, parseStatus } from './status';
import { isFields, text } from './validate';

const ROOT = 'terra-env';

/** The server has refused, with a constant sentence and mostly a code. */
export class Refusal extends Error {
  constructor(
    readonly httpStatus: number,
    message: string,
    readonly reason: string | null
  ) {
    super(message);
    this.name = 'Refusal';
  }

  /** Whether the server has no such endpoint: its part is missing or older. */
  get isMissingEndpoint(): boolean {
    return this.httpStatus === 404 && this.reason === null;
  }
}

type RefusalWords = (reason: string | null, bucket: string | null) => string | null;

let refusalWords: RefusalWords = () => null;

/** Have refusals speak the person's language; null: the server's own sentence stays. */
export function setRefusalWords(words: RefusalWords): void {
  refusalWords = words;
}

/** The answer is not what this version of the front end understands. */
export class UnexpectedAnswer extends Error {
  constructor(endpoint: string) {
    super(`The answer of ${endpoint} has an unexpected form.`);
    this.name = 'UnexpectedAnswer';
  }
}

export interface IConflict {
  /** The working copy; null: it is too large to be shown, or no notebook. */
  readonly mine: INotebookContent | null;
  /** The workspace's version; null: it was deleted there, is too large to be shown, or no notebook. */
  readonly theirs: INotebookContent | null;
  /** What both began with; null: it is not known any more. */
  readonly base: INotebookContent | null;
  /** The merge of `mine` and `theirs` by the server's library; null: there is none without a decision. */
  readonly merged: INotebookContent | null;
  readonly isTooLarge: boolean;
  readonly isDeleted: boolean;
  /** Names the version that is shown, for `resolve`. */
  readonly theirsVersion: string | null;
  /** ISO 8601, UTC. */
  readonly theirsUpdated: string | null;
  /** The address of who last edited theirs, where it is known. */
  readonly theirsBy: string | null;
  /** Names the working copy, for `resolve`. */
  readonly mineVersion: string | null;
  /** ISO 8601, UTC. */
  readonly mineUpdated: string | null;
}

export type Resolution = 'keep-both' | 'take-theirs' | 'replace-theirs' | 'merge';

export interface IResolved {
  /** The API path of the file with this person's edits, if there is one. */
  readonly keptEdits: string | null;
  /** Null: the notebook is gone. */
  readonly status: INotebookStatus | null;
}

/** What the page knows of the server's part. */
export function serverPart(): IServerPart {
  return readServerPart(PageConfig.getOption(PAGE_OPTION));
}

/**
 * Where the work of a notebook is; asks no bucket.
 *
 * @throws Refusal `not-in-workspace`, without a request, for what is in no workspace.
 */
export async function getStatus(settings: ServerConnection.ISettings, path: string): Promise<INotebookStatus> {
  if (!isInWorkspace(serverPart(), path)) {
    throw new Refusal(404, 'This path is no file of a workspace folder.', 'not-in-workspace');
  }
  return status('status', await request(settings, `status?path=${encodeURIComponent(path)}`));
}

/** Take the edit lock, give it back, or take it over from another environment of the same person. */
export async function changeLock(
  settings: ServerConnection.ISettings,
  path: string,
  action: 'acquire' | 'release' | 'take-over'
): Promise<INotebookStatus> {
  return status('lock', await post(settings, 'lock', { path, action }));
}

/**
 * Both versions of a notebook in conflict.
 *
 * @throws Refusal `no-conflict` when there is none any more.
 */
export async function getConflict(settings: ServerConnection.ISettings, path: string): Promise<IConflict> {
  const answer = await request(settings, `conflict?path=${encodeURIComponent(path)}`);
  if (!isFields(answer)) {
    throw new UnexpectedAnswer('conflict');
  }
  return {
    mine: notebook(answer.mine),
    theirs: notebook(answer.theirs),
    base: notebook(answer.base),
    merged: notebook(answer.merged),
    isTooLarge: answer.too_large === true,
    isDeleted: answer.is_deleted === true,
    theirsVersion: text(answer.theirs_version),
    theirsUpdated: text(answer.theirs_updated),
    theirsBy: text(answer.theirs_by),
    mineVersion: text(answer.mine_version),
    mineUpdated: text(answer.mine_updated)
  };
}

/**
 * Decide a conflict.
 *
 * @param seen - the versions that the person was shown.
 * @param content - what is on the screen: this person's version. It is made safe before anything else.
 * @param merged - for `merge`: the notebook that the person has put together.
 * @throws Refusal `remote-changed`, `remote-deleted` or `mine-changed` when the versions are not those any more.
 */
export async function resolve(
  settings: ServerConnection.ISettings,
  path: string,
  action: Resolution,
  seen: IConflict,
  content: INotebookContent,
  merged: INotebookContent | null
): Promise<IResolved> {
  const versions = { theirs_version: seen.theirsVersion, mine_version: seen.mineVersion };
  const composed = merged === null ? {} : { merged };
  const answer = await post(settings, 'resolve', { path, action, content, ...versions, ...composed });
  if (!isFields(answer)) {
    throw new UnexpectedAnswer('resolve');
  }
  return { keptEdits: text(answer.kept_edits), status: parseStatus(answer.status) };
}

/**
 * Show the workspace's version in the place of the copy on this disk, which is kept beside it.
 *
 * @returns the API path of the file with what was on this disk; null: it held nothing of its own.
 */
export async function openWorkspaceVersion(settings: ServerConnection.ISettings, path: string): Promise<string | null> {
  const answer = await post(settings, 'open-workspace-version', { path });
  return isFields(answer) ? text(answer.kept_edits) : null;
}

/** Address of the rendered, read-only view. */
export function previewUrl(settings: ServerConnection.ISettings, path: string): string {
  return `${URLExt.join(settings.baseUrl, ROOT, 'preview')}?path=${encodeURIComponent(path)}`;
}

/**
 * Open the presence socket of a tab.
 *
 * @param edits - false: another tab edited the notebook when this one was connected last.
 */
export function presenceSocket(settings: ServerConnection.ISettings, path: string, edits: boolean): WebSocket {
  const token = settings.appendToken && settings.token !== '' ? `&token=${encodeURIComponent(settings.token)}` : '';
  const url = `${URLExt.join(settings.wsUrl, ROOT, 'presence')}?path=${encodeURIComponent(path)}${edits ? '' : '&edits=0'}${token}`;
  return new settings.WebSocket(url);
}

/** Give the edit lock back while the page may be going away: a request that outlives it. */
export function releaseWhileLeaving(settings: ServerConnection.ISettings, path: string): void {
  // The server sees the presence socket close, and the lock expires by itself.
  hint(settings, 'lock', { path, action: 'release' });
}

/** Send a request that outlives the page; its answer is not awaited. */
export function hint(settings: ServerConnection.ISettings, endpoint: string, fields: object): void {
  const url = URLExt.join(settings.baseUrl, ROOT, endpoint);
  const body = JSON.stringify(fields);
  if ('keepalive' in Request.prototype) {
    const init = { method: 'POST', body, keepalive: true };
    void ServerConnection.makeRequest(url, init, settings).catch(() => undefined);
  } else {
    navigator.sendBeacon(`${url}?_xsrf=${encodeURIComponent(xsrfCookie(document.cookie))}`, new Blob([body]));
  }
}

/** The last `_xsrf` cookie, as Jupyter takes it: there is one for each base URL. */
export function xsrfCookie(cookies: string): string {
  const found = cookies.split('; ').filter(cookie => cookie.startsWith('_xsrf='));
  return (found.pop() ?? '').slice('_xsrf='.length);
}

export async function post(settings: ServerConnection.ISettings, endpoint: string, body: object): Promise<unknown> {
  return request(settings, endpoint, { method: 'POST', body: JSON.stringify(body) });
}

/**
 * Ask one of the endpoints.
 *
 * @throws Refusal when the server refuses.
 */
export async function request(
  settings: ServerConnection.ISettings,
  endpoint: string,
  init: RequestInit = {}
): Promise<unknown> {
  return (await exchange(settings, endpoint, init)).answer;
}

export interface IExchange {
  readonly answer: unknown;
  /** The answer's `Date`: the server's time. */
  readonly date: string | null;
}

/**
 * Send a request to one of the endpoints.
 *
 * @throws Refusal when the server refuses.
 */
export async function exchange(
  settings: ServerConnection.ISettings,
  endpoint: string,
  init: RequestInit = {}
): Promise<IExchange> {
  const url = URLExt.join(settings.baseUrl, ROOT, endpoint);
  const response = await ServerConnection.makeRequest(url, init, settings);
  const answer = asJson(await response.text());
  if (response.ok) {
    return { answer, date: response.headers.get('Date') };
  }
  const fields = isFields(answer) ? answer : {};
  const reason = text(fields.reason);
  const words = refusalWords(reason, text(fields.bucket)) ?? text(fields.message) ?? response.statusText;
  throw new Refusal(response.status, words, reason);
}

function asJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function status(endpoint: string, answer: unknown): INotebookStatus {
  const read = parseStatus(answer);
  if (read === null) {
    throw new UnexpectedAnswer(endpoint);
  }
  return read;
}

function notebook(value: unknown): INotebookContent | null {
  const isOne = isFields(value) && Array.isArray(value.cells) && isFields(value.metadata);
  return isOne ? (value as unknown as INotebookContent) : null;
}
