/** What is needed of the global `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A document and for how many seconds its sender lets it be kept; undefined when it does not say. */
export interface FetchedJson {
  readonly json: unknown;
  readonly maxAge: number | undefined;
}

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 256 * 1024;

/**
 * Fetches one JSON document, bounded in time and size.
 *
 * Redirects are not followed: the address is part of what the operator trusts. Throws an `Error`
 * for whatever is not a 200 with a JSON body within the bounds.
 */
export async function fetchJson(url: string, fetch: Fetch): Promise<FetchedJson> {
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  return { json: JSON.parse(await boundedText(response, url)), maxAge: maxAgeOf(response.headers) };
}

async function boundedText(response: Response, url: string): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let received = 0;
  let text = '';
  for await (const chunk of response.body ?? []) {
    received += chunk.byteLength;
    if (received > MAX_BYTES) throw new Error(`${url} answered more than ${MAX_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** RFC 9111 §5.2.2: `no-store` and `no-cache` count as zero, `Age` is time already spent. */
function maxAgeOf(headers: Headers): number | undefined {
  const control = headers.get('cache-control')?.toLowerCase() ?? '';
  if (/\bno-(store|cache)\b/.test(control)) return 0;
  const maxAge = /\bmax-age="?(\d{1,9})/.exec(control)?.[1];
  if (maxAge === undefined) return undefined;
  return Math.max(0, Number(maxAge) - (Number(headers.get('age')) || 0));
}
