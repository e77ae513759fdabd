import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  request as send,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';

import type { Certified } from './certificates.ts';

/** A request as the proxy got it. */
export interface Passing {
  readonly method: string;
  readonly path: string;
  /** Bytes of the target and of the body. */
  readonly size: { readonly target: number; readonly body: number };
}

export interface Passed {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

/** One way in which a proxy is not transparent. */
export interface Breakage {
  /** Headers that are put over those of the request. */
  readonly forwarded?: Readonly<Record<string, string>>;
  /** Answers in the server's place. */
  readonly instead?: (request: Passing) => Passed | undefined;
  /** Changes what the server answered. */
  readonly changed?: (answer: Passed, request: Passing) => Passed;
}

export interface BreakingProxy {
  readonly origin: string;
  /** Breaks it in this way from now on; without one it passes everything as it is. */
  break(breakage?: Breakage): void;
  close(): Promise<void>;
}

/** A small reverse proxy before a real server, that can be broken in the ways in which real ones are. */
export async function startBreakingProxy(
  target: string,
  { port, tls }: { readonly port: number; readonly tls?: Certified },
): Promise<BreakingProxy> {
  let breakage: Breakage = {};
  const handle: RequestListener = (incoming, response) => {
    void pass(target, breakage, incoming).then(
      ({ status, headers, body }) => {
        for (const [name, value] of Object.entries(headers)) {
          if (value !== undefined) response.setHeader(name, value);
        }
        response.sendDate = false;
        response.writeHead(status).end(body);
      },
      () => response.destroy(),
    );
  };
  const options = { maxHeaderSize: 64 * 1024 };
  const server = tls ? createTlsServer({ ...options, ...tls }, handle) : createServer(options, handle);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `${tls ? 'https' : 'http'}://localhost:${port}`,
    break(next = {}) {
      breakage = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function pass(target: string, breakage: Breakage, incoming: IncomingMessage): Promise<Passed> {
  const body = await read(incoming);
  const { url = '/', method = 'GET' } = incoming;
  const request: Passing = {
    method,
    path: url.split('?', 1)[0] ?? '/',
    size: { target: url.length, body: body.length },
  };
  const instead = breakage.instead?.(request);
  if (instead) return instead;
  const outgoing = send(`${target}${url}`, {
    method,
    headers: { ...incoming.headers, ...breakage.forwarded },
  });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  const { connection: _, 'transfer-encoding': __, 'content-length': ___, ...headers } = answer.headers;
  const passed = { status: answer.statusCode ?? 0, headers, body: (await read(answer)).toString('utf8') };
  return breakage.changed?.(passed, request) ?? passed;
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a web server or a firewall puts there. */
export const page = (status: number, title: string): Passed => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: `<!doctype html><title>${title}</title><h1>${title}</h1>`,
});

/** The same answer with a changed document in it. */
export function edited(answer: Passed, edit: (document: Record<string, unknown>) => object): Passed {
  return { ...answer, body: JSON.stringify(edit(JSON.parse(answer.body))) };
}
