import { METADATA_DOCUMENTS } from '../fixtures/clients/index.ts';

/** Documents that clients present and that no fixture of their own is needed for. */
const MORE = [
  {
    client_id: 'https://chatgpt.com/oauth/codex/client.json',
    client_name: 'Codex',
    redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
];

/** The web where the well-known clients publish their metadata documents, as a server's `fetch`. */
export const clientsWeb: typeof globalThis.fetch = async (input) => {
  const url = String(input);
  const documents = [...Object.values(METADATA_DOCUMENTS), ...MORE];
  const document = documents.find(({ client_id }) => client_id === url);
  return document
    ? Response.json(document, { headers: { 'cache-control': 'max-age=60' } })
    : new Response('nothing here', { status: 404 });
};
