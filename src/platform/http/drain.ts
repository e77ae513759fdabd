import type { Server, ServerResponse } from 'node:http';

export interface Drain {
  /** True from the moment that `drain` was called. */
  draining(): boolean;
  /** Resolves when every request is answered, or its time is up. Calling it again gives the same promise. */
  drain(): Promise<void>;
}

/** How long requests in flight may take, in milliseconds. */
const GRACE = 10_000;

/**
 * Lets servers leave without cutting anybody off: no new connection is accepted, idle ones are
 * closed, what is in flight is finished with `Connection: close`, and after `graceMs` the rest is cut.
 *
 * Make it before the servers listen.
 */
export function createDrain(servers: readonly Server[], { graceMs = GRACE } = {}): Drain {
  const inFlight = new Set<ServerResponse>();
  let left: Promise<void> | undefined;
  const draining = () => left !== undefined;

  for (const server of servers) {
    server.prependListener('request', (_req, res) => {
      inFlight.add(res);
      if (draining()) closeAfter(res);
      res.once('close', () => {
        inFlight.delete(res);
        if (draining()) setImmediate(() => server.closeIdleConnections());
      });
    });
  }

  const leave = async () => {
    for (const res of inFlight) closeAfter(res);
    const timer = setTimeout(() => {
      for (const server of servers) server.closeAllConnections();
    }, graceMs);
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

/** `close` also ends idle connections; its error only says that the server did not listen. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
