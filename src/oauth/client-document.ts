import { LRUCache } from 'lru-cache';

import { normalizeRegistration } from '../domain/clients/index.ts';

/** Bytes of a document or a key set; the longest that is known has a fortieth of it. */
export const MAX_DOCUMENT = 32 * 1024;
/** Milliseconds after a failure in which the same URL is not asked again. */
const COOLDOWN = 10_000;
/** Milliseconds for which the last good copy of a document may stand in for one that cannot be had. */
const STALE = 3_600_000;
/** How many documents, and how many failures, are remembered. */
const MAX_ENTRIES = 500;
const MAX_URL = 2048;

/**
 * Whether a client_id is the URL of a metadata document: https with a host and a path, in the one
 * spelling that it would have after parsing (client ID metadata documents, draft 02 §3). What is
 * spelled otherwise is refused without a fetch, so that one client has one identifier.
 */
export function isDocumentUrl(clientId: string): boolean {
  const url = clientId.length <= MAX_URL ? URL.parse(clientId) : null;
  if (url?.protocol !== 'https:' || url.href !== clientId) return false;
  if (url.username !== '' || url.password !== '' || clientId.includes('#')) return false;
  return url.pathname !== '/' && !/%2e|%2f|%5c|%00/i.test(url.pathname);
}

/** How a document or a key set was had: from its address, from the last good copy, or not at all. */
export type DocumentOutcome = 'fetched' | 'stale' | 'failed';

interface Observed {
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
  /** Is told of each that was asked for. */
  readonly asked?: (outcome: DocumentOutcome) => void;
}

/**
 * Fetches for the library, and hands it client metadata documents in the form that it accepts: what
 * a client lists and we do not serve is left out, what MCP requires must be there (client ID
 * metadata documents, draft 02 §4). Nothing is followed elsewhere, and nothing large is read.
 *
 * A failure is nobody's answer: for a moment the URL is not asked again, and meanwhile the last good
 * copy stands, if there is one. Key sets pass as they came.
 */
export function fetchClientDocument(
  fetch: typeof globalThis.fetch,
  { now = () => performance.now(), asked = () => undefined }: Observed = {},
) {
  const good = new LRUCache<string, { readonly document: string; readonly at: number }>({ max: MAX_ENTRIES });
  const failedAt = new LRUCache<string, number>({ max: MAX_ENTRIES });

  return async (input: string | URL, options?: RequestInit): Promise<Response> => {
    const url = String(input);
    const kept = good.get(url);
    const stale = kept && now() - kept.at < STALE ? kept.document : undefined;
    const makeDo = (error: unknown): Response => {
      asked(stale === undefined ? 'failed' : 'stale');
      if (stale === undefined) throw error;
      return answer(stale);
    };
    if (now() - (failedAt.get(url) ?? Number.NEGATIVE_INFINITY) < COOLDOWN) {
      return makeDo(new Error('the document could not be fetched a moment ago'));
    }
    try {
      const response = await fetch(input, { ...options, redirect: 'manual' });
      if (response.status !== 200) throw new Error(`unexpected response status ${response.status}`);
      const text = await readLimited(response);
      const caching = pick(response.headers, ['cache-control', 'expires']);
      failedAt.delete(url);
      // The library follows redirects for a key set, and for a document it does not: that tells them apart.
      const isDocument = options?.redirect === 'manual';
      const document = isDocument ? read(url, text, response.headers) : text;
      if (isDocument) good.set(url, { document, at: now() });
      asked('fetched');
      return answer(document, caching);
    } catch (error) {
      failedAt.set(url, now());
      return makeDo(error);
    }
  };
}

/** @throws when this is not a document of that URL, or not one that we serve. */
function read(url: string, text: string, headers: Headers): string {
  if (!isJson(headers)) throw new Error('the document is not application/json');
  const document: unknown = JSON.parse(text);
  const normalized = normalizeRegistration(document, { kind: 'document' });
  if (!normalized.ok) throw new Error(normalized.reason);
  if (normalized.metadata.client_id !== url) throw new Error('client_id in the document is not its URL');
  // The library insists on https where these are only shown.
  const metadata = Object.entries(normalized.metadata).filter(
    ([name, value]) => !(name.endsWith('_uri') && name !== 'jwks_uri' && /^http:/i.test(String(value))),
  );
  return JSON.stringify(Object.fromEntries(metadata));
}

/** Without caching headers of its own the library keeps it for its shortest time. */
function answer(json: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(json, { status: 200, headers: { 'content-type': 'application/json', ...headers } });
}

function isJson(headers: Headers): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(headers.get('content-type') ?? '');
}

/** @throws when there is more, which is then not read. */
async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_DOCUMENT) throw new Error(`the response has more than ${MAX_DOCUMENT} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function pick(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}
