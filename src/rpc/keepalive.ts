/** Finds connections whose client has stopped answering: a stopped process, a machine or network that is gone. */
import { afterTurn, type Clock, type Timer } from "../base/index.ts";

/** How soon. */
export interface KeepaliveOptions {
  readonly clock: Clock;
  /** Milliseconds between the questions to one connection. */
  readonly timeMs: number;
  /** Milliseconds that an answer may take. */
  readonly timeoutMs: number;
}

/** A session of Node's HTTP/2 server, as far as its life matters. */
export interface LivingSession {
  readonly destroyed: boolean;
  /** Stands for the TCP socket; not to be touched once the session is destroyed. */
  readonly socket: { readonly bytesRead: number; resetAndDestroy(): void };
  ping(answered: () => void): boolean;
  once(event: "close", listener: () => void): unknown;
}

/**
 * Asks the client again and again (HTTP/2 PING) and resets its connection if nothing comes: any byte counts, as an
 * answer may wait behind megabytes of a slow upload. A session that somebody destroyed is reset too if it does not
 * close: Node waits for ever for a client to take what was written before.
 */
export function keepAlive(session: LivingSession, { clock, timeMs, timeoutMs }: KeepaliveOptions): void {
  const { socket } = session;
  const reset = socket.resetAndDestroy; // bound to the socket itself, which outlives its session
  let isClosed = false;
  let timer: Timer;
  const wait = () => {
    if (!isClosed) timer = clock.schedule(timeMs, ask);
  };
  const ask = () => {
    if (session.destroyed) {
      reset();
      return wait(); // until it is closed
    }
    const bytesRead = socket.bytesRead;
    session.ping(() => {});
    const judge = () => {
      if (isClosed) return;
      if (session.destroyed || socket.bytesRead === bytesRead) reset();
      wait();
    };
    // Not at once: if this process was held up, the answer lies there and is read in this turn.
    timer = clock.schedule(timeoutMs, () => afterTurn(judge));
  };
  session.once("close", () => {
    isClosed = true;
    timer.cancel();
  });
  wait();
}
