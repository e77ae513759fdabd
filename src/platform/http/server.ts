import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  STATUS_CODES,
} from 'node:http';
import type { Duplex } from 'node:stream';

import { newId } from '../../kernel/ids.ts';

import { headersFor } from './security-headers.ts';

/**
 * What a connection may cost. All times in milliseconds.
 *
 * Headers have ten seconds and the whole request thirty, looked at every second, so that a slow
 * sender holds a socket and no more. An idle connection stays open longer than the proxies before
 * us keep theirs, so that they are the ones who close it.
 */
export const serverOptions: Readonly<ServerOptions> = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 32 * 1024,
  insecureHTTPParser: false,
  // hostGuard answers a missing Host, in JSON.
  requireHostHeader: false,
};

/**
 * An HTTP server that also answers in JSON what never becomes a request: 431 for headers that are
 * too large, 408 for ones that do not come, 400 for what is not HTTP, 417 for an unknown
 * expectation.
 */
export function createHttpServer(
  handler: RequestListener,
  { issuer, options = serverOptions }: { readonly issuer: string; readonly options?: ServerOptions },
): Server {
  const server = createServer({ ...options }, handler);
  const busy = new WeakSet<Duplex>();
  const headers = headersFor(issuer);

  server.prependListener('request', (req: IncomingMessage, res) => {
    const { socket } = req;
    busy.add(socket);
    res.once('close', () => busy.delete(socket));
  });
  server.on('checkExpectation', (req, res) => {
    // Nothing that follows on this connection is answered: its body is not read.
    busy.add(req.socket);
    const body = jsonBody('the expectation cannot be met');
    const length = { 'Content-Length': Buffer.byteLength(body), Connection: 'close' };
    res.writeHead(417, { ...headers, ...ownHeaders(), ...length }).end(body);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A second answer in the middle of the first would be read as its body.
    if (!socket.writable || busy.has(socket) || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    socket.end(rawResponse(...refusalOf(error.code), headers), () => socket.destroy());
  });
  return server;
}

/** Of an answer that no middleware sees. */
const ownHeaders = () => ({
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Request-Id': newId('req'),
});

function jsonBody(description: string): string {
  return JSON.stringify({ error: 'invalid_request', error_description: description });
}

function refusalOf(code: string | undefined): readonly [status: number, description: string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'the request headers are too large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request took too long'];
    default:
      return [400, 'the request is not HTTP'];
  }
}

function rawResponse(status: number, description: string, headers: Readonly<Record<string, string>>): string {
  const body = jsonBody(description);
  const lines = Object.entries({
    ...headers,
    ...ownHeaders(),
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', body].join('\r\n');
}
