import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';

/** A web standard handler. */
export type Handler = (request: Request) => Promise<Response>;

/**
 * Serves `node:http` requests with a web standard handler.
 *
 * When the client goes away, the request's signal aborts and the answer is cancelled. A handler that
 * throws becomes a 500 that says nothing.
 */
export function serve(origin: string, handler: Handler, onError: (error: unknown) => void) {
  return async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    try {
      const gone = new AbortController();
      outgoing.once('close', () => gone.abort());
      await send(outgoing, await handler(toRequest(origin, incoming, gone.signal)));
      if (!incoming.complete) incoming.resume();
    } catch (error) {
      if (!outgoing.destroyed) onError(error);
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(500).end();
    }
  };
}

function toRequest(origin: string, incoming: IncomingMessage, signal: AbortSignal): Request {
  const { method = 'GET', url = '/', headersDistinct } = incoming;
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  const body = method === 'GET' || method === 'HEAD' ? null : bodyOf(incoming);
  const target = origin + (url.startsWith('/') ? url : '/');
  return new Request(target, { method, headers, body, signal, duplex: 'half' });
}

/** The body, read only as far as somebody wants it, and without closing the connection when they stop. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = incoming.iterator({ destroyOnReturn: false });
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

async function send(outgoing: ServerResponse, response: Response): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  await pipeline(Readable.fromWeb(response.body as NodeReadableStream), outgoing);
}
