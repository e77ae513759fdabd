import type { IncomingMessage } from 'node:http';

import type { GuardRequest } from './guard.ts';
import { type JsonBody, parseJson, readJson } from './json-body.ts';

/** A request of `node:http`, as the frameworks on top of it decorate it. */
export type NodeRequest = IncomingMessage & {
  /** The full path where a router has cut off its own prefix. */
  readonly originalUrl?: string;
};

/**
 * A Node request as the guard sees it.
 *
 * `parsed` is what a body parser before us made of the body. It counts only when the stream was
 * really read: some parsers leave an empty object on requests that they did not touch, and the server
 * behind would then read another body than the one that was judged.
 */
export function fromNode(request: NodeRequest, parsed: unknown): GuardRequest {
  return {
    method: request.method ?? 'GET',
    target: request.originalUrl ?? request.url ?? '/',
    authorization: request.headersDistinct['authorization'] ?? [],
    header: (name) => request.headers[name],
    readBody: (limit) => (request.readableDidRead ? reparse(parsed) : read(request, limit)),
  };
}

async function read(request: IncomingMessage, limit: number): Promise<JsonBody> {
  return readJson(
    {
      chunks: request.iterator({ destroyOnReturn: false }),
      contentLength: request.headers['content-length'],
      contentEncoding: request.headers['content-encoding'],
    },
    limit,
  );
}

async function reparse(parsed: unknown): Promise<JsonBody> {
  if (parsed === undefined || parsed === null) return { kind: 'refused', status: 400 };
  if (typeof parsed === 'string') return parseJson(new TextEncoder().encode(parsed));
  if (parsed instanceof Uint8Array) return parseJson(new Uint8Array(parsed));
  return { kind: 'json', value: parsed, bytes: new Uint8Array() };
}
