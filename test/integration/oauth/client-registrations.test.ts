import { createHash, randomBytes } from 'node:crypto';
import { OAuthClientInformationFullSchema } from '@modelcontextprotocol/sdk/shared/auth.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DYNAMIC_REGISTRATIONS, METADATA_DOCUMENTS } from '../../fixtures/clients/index.ts';
import { observe } from '../../support/audit.ts';
import { FILES, startTestServer, type TestServer } from '../../support/server.ts';

const DOCUMENTS = Object.values(METADATA_DOCUMENTS);

describe('clients in the field', () => {
  let server: TestServer;

  beforeAll(async () => {
    const web: typeof fetch = async (input) => {
      const url = input instanceof Request ? input.url : String(input);
      const document = DOCUMENTS.find(({ client_id }) => client_id === url);
      return document ? Response.json(document) : new Response('not here', { status: 404 });
    };
    server = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'open' }, { fetch: web });
  });
  afterAll(() => server.stop());

  const register = (body: unknown) =>
    fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  function authorize(clientId: string, redirectUri: string): Promise<Response> {
    const url = new URL(`${server.issuer}/authorize`);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
      code_challenge_method: 'S256',
      resource: FILES,
      state: 'x',
    }).toString();
    return fetch(url, { redirect: 'manual' });
  }

  /** Whether the server goes on to ask the person, and does not stop at the request. */
  async function isTakenUp(response: Response): Promise<boolean> {
    const location = response.headers.get('location') ?? '';
    return (
      [302, 303].includes(response.status) &&
      location.includes('/interaction') &&
      !location.includes('error=')
    );
  }

  it.each(Object.entries(DYNAMIC_REGISTRATIONS))(
    'MCP 58: %s registers with what it really sends, and the official SDK can read the answer',
    async (_client, body) => {
      const response = await register(body);
      expect(response.status).toBe(201);
      expect(response.headers.get('cache-control')).toContain('no-store');
      const answer = OAuthClientInformationFullSchema.parse(await response.json());
      expect(answer.redirect_uris).toEqual(body.redirect_uris);
      for (const uri of answer.redirect_uris) {
        expect(await isTakenUp(await authorize(answer.client_id, uri))).toBe(true);
      }
    },
  );

  it.each(Object.entries(METADATA_DOCUMENTS))(
    'MCP 54: %s is known by its document, on whatever port of loopback it listens',
    async (_client, document) => {
      for (const uri of document.redirect_uris) {
        const requested = uri.replace(/^(http:\/\/(?:localhost|127\.0\.0\.1))(?::\d+)?/, '$1:58135');
        expect(await isTakenUp(await authorize(document.client_id, requested))).toBe(true);
      }
      const elsewhere = await authorize(document.client_id, 'http://localhost:58135/elsewhere');
      expect(elsewhere.status).toBe(400);
      expect(elsewhere.headers.get('location')).toBeNull();
    },
  );

  it.each([
    'javascript:alert(1)',
    ' JaVaScript:alert(1)',
    'java\tscript:alert(1)',
    'data:text/html,x',
    'http://evil.example/cb',
    'https://*.example.com/*',
    'https://a.example/#',
  ])('B2: refuses to register %j, with one record and no client', async (uri) => {
    const { value, records, clients } = await observe(server, () =>
      register({ redirect_uris: ['https://a.example/', uri] }),
    );
    expect(value.status).toBe(400);
    expect(await value.json()).toMatchObject({ error: 'invalid_redirect_uri' });
    expect(records).toMatchObject([{ event: 'client.rejected', outcome: 'refused' }]);
    expect(clients).toBe(0);
  });

  it('L6: refuses a software statement that nobody signed', async () => {
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`;
    const { value, clients } = await observe(server, () =>
      register({ redirect_uris: ['https://a.example/'], software_statement: none }),
    );
    expect(value.status).toBe(400);
    expect(await value.json()).toMatchObject({ error: 'invalid_software_statement' });
    expect(clients).toBe(0);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['a hole for a number', '{"redirect_uris":[7]}'],
    ['depth', `{"redirect_uris":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
    [
      'a megabyte',
      JSON.stringify({ redirect_uris: ['https://a.example/'], client_name: 'x'.repeat(1 << 20) }),
    ],
    ['a NUL in a name', '{"redirect_uris":["https://a.example/cb"],"client_name":"a\\u0000b"}'],
    ['half a character', '{"redirect_uris":["https://a.example/cb"],"client_name":"a\\ud800b"}'],
  ])('L7: answers %s with JSON and without a fault of its own', async (_what, body) => {
    const response = await register(body);
    expect([201, 400, 413]).toContain(response.status);
    expect(await response.json()).toBeTypeOf('object');
  });
});
