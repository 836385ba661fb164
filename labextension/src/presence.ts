/** The presence socket: open as long as a tab shows a notebook. The server gives the edit lock back when it closes. */

/** What is needed of a WebSocket. */
export interface ISocket {
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send?(data: string): void;
  close(): void;
}

export interface IPresenceOptions {
  /** Open a socket. */
  connect: () => ISocket;
  /** Called with each frame, parsed. */
  onFrame: (frame: unknown) => void;
  /** Called when the connection comes and goes. */
  onConnection: (connected: boolean) => void;
  /** Call back after so many milliseconds; gives what cancels it. */
  later: (act: () => void, ms: number) => () => void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const LONGEST_CLOSE_MS = 2000;

/** Keeps one socket open, with longer and longer waits between attempts while the server is away. */
export class Presence {
  constructor(private readonly _options: IPresenceOptions) {
    this._connect();
  }

  /** Try at once, because there is reason to think that it works again. */
  retryNow(): void {
    if (this._cancelRetry !== null) {
      this._cancelRetry();
      this._connect();
    }
  }

  /** Send something to the server, now or as soon as it answers; a later message replaces it. */
  say(message: object): void {
    this._message = JSON.stringify(message);
    this._isSaid = false;
    this._sayIfConnected();
  }

  private _sayIfConnected(): void {
    if (this._isConnected && !this._isSaid && this._message !== null) {
      this._isSaid = true;
      this._socket?.send?.(this._message);
    }
  }

  /** Send something; lost while the server is away. */
  send(message: object): void {
    try {
      this._socket?.send?.(JSON.stringify(message));
    } catch {
      // It is connecting: the server sends everything again once it is.
    }
  }

  /**
   * Close the socket for good.
   *
   * @returns when the server knows it, or cannot be reached.
   */
  close(): Promise<void> {
    this._cancelRetry?.();
    const socket = this._socket;
    if (socket === null) {
      return Promise.resolve();
    }
    return new Promise(resolve => {
      socket.onmessage = null;
      socket.onclose = () => resolve();
      this._options.later(resolve, LONGEST_CLOSE_MS);
      socket.close();
    });
  }

  private _connect(): void {
    this._cancelRetry = null;
    const socket = this._options.connect();
    this._socket = socket;
    socket.onmessage = event => this._receive(event.data);
    socket.onclose = () => this._lost();
  }

  private _receive(data: unknown): void {
    let frame: unknown;
    try {
      frame = JSON.parse(String(data));
    } catch {
      return;
    }
    this._wait = FIRST_WAIT_MS;
    this._isConnected = true;
    this._sayIfConnected();
    this._options.onConnection(true);
    this._options.onFrame(frame);
  }

  private _lost(): void {
    this._socket = null;
    this._isConnected = this._isSaid = false;
    this._options.onConnection(false);
    this._cancelRetry = this._options.later(() => this._connect(), this._wait);
    this._wait = Math.min(this._wait * 2, LONGEST_WAIT_MS);
  }

  private _cancelRetry: (() => void) | null = null;
  private _socket: ISocket | null = null;
  /** The server has sent something: it listens. */
  private _isConnected = false;
  private _message: string | null = null;
  private _isSaid = false;
  private _wait = FIRST_WAIT_MS;
}
