import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';

import type { Outbound, ResolvedAddress } from '../../src/platform/fetch/index.ts';

import { createTestAuthority } from './certificates.ts';

/** What was asked of the web, as it arrived there. */
export interface Asked {
  readonly url: string;
  readonly headers: Headers;
}

export interface TestWeb {
  /** The way to it. The guard stands before it as it does before the real one. */
  readonly outbound: Outbound & { readonly ca: readonly string[] };
  readonly asked: Asked[];
  /** Every address that was dialled, in order. */
  readonly dialled: ResolvedAddress[];
  /** How many connections reached the machine nearby that nobody must reach. */
  readonly strays: () => number;
  /** Answers at a URL from now on. */
  publish(url: string, answer: () => Response | Promise<Response>): void;
  /** The same, by hand. */
  serve(url: string, answer: (request: IncomingMessage, response: ServerResponse) => void): void;
  /** What a name resolves to from now on, each time anew; of itself every name has one public address. */
  name(
    hostname: string,
    resolve: () => readonly ResolvedAddress[] | Promise<readonly ResolvedAddress[]>,
  ): void;
  /** Answers at every URL where nothing was published. */
  otherwise(fetch: typeof globalThis.fetch): void;
  /** Says what happens when this address is dialled; of itself a public one leads to the web, any other to the decoy. */
  route(address: string, dial: (signal: AbortSignal) => Promise<Socket>): void;
  stop(): Promise<void>;
}

/** A public-looking address for everything that is published here. */
const PUBLIC: ResolvedAddress = { address: '93.184.215.14', family: 4 };

/**
 * A small web of real HTTPS servers, under whatever names a test wants, at an address that looks public.
 * Beside it, at every other address, listens a decoy that counts.
 */
export async function startTestWeb(): Promise<TestWeb> {
  const authority = createTestAuthority();
  const contexts = new Map<string, SecureContext>();
  const answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  const names = new Map<string, () => readonly ResolvedAddress[] | Promise<readonly ResolvedAddress[]>>();
  const routes = new Map<string, (signal: AbortSignal) => Promise<Socket>>();
  const asked: Asked[] = [];
  const dialled: ResolvedAddress[] = [];
  const sockets = new Set<Socket>();
  let strays = 0;
  let otherwise: typeof globalThis.fetch = async () => new Response('nothing here', { status: 404 });

  const contextOf = (hostname: string) => {
    const context = contexts.get(hostname) ?? createSecureContext(authority.certify(hostname));
    contexts.set(hostname, context);
    return context;
  };
  const web = createServer({ SNICallback: (hostname, done) => done(null, contextOf(hostname)) });
  web.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = `https://${request.headers.host}${request.url}`;
    asked.push({ url, headers: new Headers(request.headers as Record<string, string>) });
    const answer = answers.get(url);
    if (answer) answer(request, response);
    else void respond(response, () => otherwise(url, { headers: request.headers as Record<string, string> }));
  });
  const decoy = createTcpServer((socket) => {
    strays += 1;
    socket.destroy();
  });
  for (const server of [web, decoy]) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const open = async (to: AddressInfo, signal: AbortSignal) => {
    const socket = connect({ host: '127.0.0.1', port: to.port, signal });
    socket.on('error', () => {});
    await once(socket, 'connect', { signal });
    return socket;
  };

  return {
    asked,
    dialled,
    strays: () => strays,
    outbound: {
      ca: [authority.ca],
      resolve: async (hostname) => names.get(hostname)?.() ?? [PUBLIC],
      async dial({ address, family, signal }) {
        dialled.push({ address, family });
        const route = routes.get(address);
        if (route) return route(signal);
        const to = address === PUBLIC.address ? web : decoy;
        return open(to.address() as AddressInfo, signal);
      },
    },
    publish(url, answer) {
      answers.set(url, (_request, response) => {
        void respond(response, answer);
      });
    },
    serve: (url, answer) => answers.set(url, answer),
    name: (hostname, resolve) => names.set(hostname, resolve),
    otherwise: (fetch) => {
      otherwise = fetch;
    },
    route: (address, dial) => routes.set(address, dial),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([web, decoy].map((server) => new Promise((done) => server.close(done))));
    },
  };
}

async function respond(response: ServerResponse, answer: () => Response | Promise<Response>): Promise<void> {
  try {
    const { status, headers, body } = await answer();
    response.writeHead(status, Object.fromEntries(headers));
    for await (const chunk of body ?? []) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    response.end();
  } catch {
    response.destroy();
  }
}
