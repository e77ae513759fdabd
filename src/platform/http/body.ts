import type { IncomingMessage } from 'node:http';
import { parse } from 'node:querystring';
import type { Context } from 'koa';

import { HttpError } from './errors.ts';
import {
  bodyTooLarge,
  countParameters,
  MAX_BODY_BYTES,
  MAX_PARAMETERS,
  notText,
  tooManyParameters,
} from './limits.ts';

/** A parsed form: no prototype, so that `__proto__` is a name like any other. A name sent twice is an array. */
export type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How deeply a JSON document may be nested. */
const MAX_DEPTH = 32;

/**
 * Reads an `application/x-www-form-urlencoded` body of at most 64 KiB and 100 parameters, none with a NUL.
 *
 * @throws HttpError 415, 413 or 400.
 */
export async function readForm(ctx: Context): Promise<Form> {
  const text = await readText(ctx, 'application/x-www-form-urlencoded', MAX_BODY_BYTES);
  if (countParameters(text) > MAX_PARAMETERS) throw tooManyParameters();
  if (/%00|\0/.test(text)) throw notText();
  return Object.assign(Object.create(null), parse(text, '&', '=', { maxKeys: 0 }));
}

/** One value of a form; `''` when it is missing or was sent more than once, because neither is an answer. */
export function field(form: Form, name: string): string {
  const value = form[name];
  return typeof value === 'string' ? value : '';
}

/** All values of a form under one name, for checkboxes. */
export function fields(form: Form, name: string): readonly string[] {
  const value = form[name];
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/**
 * Reads an `application/json` body. The result is unchecked; validate it before use.
 *
 * @throws HttpError 415, 413, or 400 for what is not JSON or is nested deeper than 32.
 */
export async function readJson(ctx: Context, limit: number = MAX_BODY_BYTES): Promise<unknown> {
  const text = await readText(ctx, 'application/json', limit);
  if (depthOf(text) > MAX_DEPTH) throw new HttpError(400, 'invalid_request', 'the JSON is nested too deeply');
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, 'invalid_request', 'the body is not JSON');
  }
}

async function readText(ctx: Context, type: string, limit: number): Promise<string> {
  if (!ctx.request.is(type)) {
    throw new HttpError(415, 'invalid_request', `the body must be ${type}`);
  }
  if ((ctx.get('Content-Encoding') || 'identity') !== 'identity') {
    throw new HttpError(415, 'invalid_request', 'the body must not be compressed');
  }
  return readBytes(ctx.req, limit);
}

/** The stream is left alive when the body is too large, because the answer goes out over the same socket. */
function readBytes(req: IncomingMessage, limit: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let size = 0;
  const take = (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) {
      chunks.push(chunk);
      return;
    }
    req.off('data', take);
    req.resume();
    reject(bodyTooLarge());
  };
  req.on('data', take);
  req.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  req.once('error', reject);
  return promise;
}

/** The deepest nesting of a JSON text, brackets inside strings left out; linear, and before anything is allocated. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (char === '}' || char === ']') depth -= 1;
  }
  return deepest;
}
