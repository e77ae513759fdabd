import { METADATA_DOCUMENTS } from '../fixtures/clients/index.ts';

type Document = Readonly<Record<string, unknown>> & { readonly client_id: string };

/**
 * The web where the well-known clients publish their metadata documents, as a server's `fetch`; `instead` are
 * documents that are published in place of those of the same address.
 */
export function clientsWebWith(instead: readonly Document[]): typeof globalThis.fetch {
  const documents: readonly Document[] = [...instead, ...Object.values(METADATA_DOCUMENTS)];
  return async (input) => {
    const document = documents.find(({ client_id }) => client_id === String(input));
    return document
      ? Response.json(document, { headers: { 'cache-control': 'max-age=60' } })
      : new Response('nothing here', { status: 404 });
  };
}

export const clientsWeb = clientsWebWith([]);

/** As opencode published it in September 2026: without the redirect that it sends. */
export const OPENCODE_AT_FIRST: Document = {
  ...METADATA_DOCUMENTS.opencode,
  redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
};
