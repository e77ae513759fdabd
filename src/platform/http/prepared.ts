import { createHash } from 'node:crypto';
import type { Middleware } from 'koa';

import { HttpError } from './errors.ts';

interface Options {
  /** With its charset, where it has one. */
  readonly type: string;
  /** Seconds that a cache may keep it. */
  readonly maxAge: number;
  /** The name changes with the content, so a cache need never ask again. */
  readonly immutable?: boolean;
}

/** A response that is made once. */
export interface Prepared {
  readonly bytes: Buffer;
  /** All that it says of itself, but its length. */
  readonly headers: Readonly<Record<'Content-Type' | 'Cache-Control' | 'ETag', string>>;
}

/** Makes a response with a strong ETag, once. */
export function prepare(body: Buffer | string, { type, maxAge, immutable = false }: Options): Prepared {
  const bytes = Buffer.from(body);
  return {
    bytes,
    headers: {
      'Content-Type': type,
      'Cache-Control': `public, max-age=${maxAge}${immutable ? ', immutable' : ''}`,
      ETag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    },
  };
}

/**
 * Answers with what was prepared, to GET and HEAD; 304 to whoever has it already (RFC 9110 §13).
 *
 * @throws HttpError 405 for other methods.
 */
export function prepared({ bytes, headers }: Prepared): Middleware {
  const { 'Content-Type': type, ...validators } = headers;
  return async (ctx) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      throw new HttpError(405, 'invalid_request', 'only GET is answered here', { Allow: 'GET, HEAD' });
    }
    ctx.status = 200;
    ctx.set(validators);
    if (holds(ctx.get('If-None-Match'), headers.ETag)) {
      ctx.status = 304;
      return;
    }
    ctx.set('Content-Type', type);
    ctx.body = bytes;
  };
}

/**
 * RFC 9110 §13.1.2. Not `ctx.fresh`, which gives up on the `Cache-Control: no-cache` that `fetch`
 * adds by itself to every conditional request: that one is for caches on the way.
 */
function holds(ifNoneMatch: string, etag: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}
