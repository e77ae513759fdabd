import { normalizeRegistration } from '../domain/clients/index.ts';

/**
 * Fetches for the library, and hands it client metadata documents in the form that it accepts: what
 * a client lists and we do not serve is left out, what MCP requires must be there (client ID
 * metadata documents, draft 02 §4). Anything else that is fetched passes as it came.
 */
export function fetchClientDocument(fetch: typeof globalThis.fetch) {
  return async (url: string | URL, options?: RequestInit): Promise<Response> => {
    const response = await fetch(url, options);
    if (response.status !== 200) return response;
    const text = await response.clone().text();
    const document = parseObject(text);
    if (document?.['client_id'] !== String(url)) return response;

    const normalized = normalizeRegistration(document, { kind: 'document' });
    if (!normalized.ok) throw new Error(`client metadata document: ${normalized.reason}`);
    const { headers } = response;
    return new Response(JSON.stringify(normalized.metadata), {
      status: 200,
      headers: pick(headers, ['cache-control', 'expires', 'content-type']),
    });
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function pick(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}
