import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Drain {
  /** True from the moment that `drain` was called. */
  draining(): boolean;
  /** Resolves when every request is answered, or its time is up. Calling it again gives the same promise. */
  drain(): Promise<void>;
}

/** How long requests in flight may take, in milliseconds. */
const GRACE = 10_000;

/**
 * Lets servers leave without cutting anybody off: no new connection is accepted, what is in flight is
 * finished with `Connection: close`, idle connections are closed, and after `graceMs` the rest is cut.
 *
 * Whoever keeps a connection may use it in the very moment that we close it, and cannot know whether
 * the request was served. With `lingerMs`, idle ones stay open for so long: whoever uses one meanwhile
 * is answered, and told to close it.
 *
 * Make it before the servers listen.
 */
export function createDrain(servers: readonly Server[], { graceMs = GRACE, lingerMs = 0 } = {}): Drain {
  const inFlight = new Set<ServerResponse>();
  let left: Promise<void> | undefined;
  let lingering = lingerMs > 0;
  const draining = () => left !== undefined;

  for (const server of servers) {
    server.prependListener('request', (_req, res) => {
      inFlight.add(res);
      if (draining()) closeAfter(res);
      res.once('close', () => {
        inFlight.delete(res);
        if (draining() && !lingering) setImmediate(() => server.closeIdleConnections());
      });
    });
  }

  const leave = async () => {
    for (const res of inFlight) closeAfter(res);
    const timer = setTimeout(() => {
      for (const server of servers) server.closeAllConnections();
    }, graceMs);
    if (lingering) {
      const unheard = servers.map(unlistened);
      await Promise.race([Promise.all(unheard), delay(lingerMs)]);
      lingering = false;
    }
    await Promise.all(servers.map(closed));
    clearTimeout(timer);
  };

  return {
    draining,
    drain() {
      left ??= leave();
      return left;
    },
  };
}

function closeAfter(res: ServerResponse): void {
  if (!res.headersSent) res.setHeader('Connection', 'close');
}

/** Accepts nothing new and closes nothing; resolves when the last connection is gone. */
function unlistened(server: Server): Promise<void> {
  return new Promise((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
}

/** `close` also ends idle connections; its error only says that the server did not listen. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
