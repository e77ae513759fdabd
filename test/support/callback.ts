import { once } from 'node:events';
import { createServer } from 'node:http';

import { freePort } from './free-port.ts';

/** Where a program on this computer waits for the browser to come back. */
export interface Callback {
  /** The redirect URI with its port. */
  readonly redirectUri: string;
  /** The URL with which the browser comes next, or has come since the last call. */
  arrival(): Promise<URL>;
  close(): Promise<void>;
}

/** Listens on a loopback port for the answer to an authorization request (RFC 8252 §7.3). */
export async function listenForCallback(): Promise<Callback> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const arrived: URL[] = [];
  let wake = () => {};
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', origin);
    response.setHeader('content-type', 'text/html').end('<title>Back</title><p>You can close this page.</p>');
    if (url.pathname !== '/callback') return;
    arrived.push(url);
    wake();
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    redirectUri: `${origin}/callback`,
    async arrival() {
      while (arrived.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return arrived.shift() as URL;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
