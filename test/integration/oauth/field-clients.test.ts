import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FIELD_CLIENTS, type FieldClient, METADATA_DOCUMENTS } from '../../fixtures/clients/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import {
  addPerson,
  basic,
  claimsOf,
  type Person,
  pkce,
  post,
  signedIn,
  type TokenResponse,
} from '../../support/flow.ts';
import { freePort } from '../../support/free-port.ts';
import { register } from '../../support/registration.ts';
import { FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { walk } from '../../support/walk.ts';

type Params = Readonly<Record<string, string>>;

let server: TestServer;
/** The key that signs for clients which publish theirs. */
let key: Awaited<ReturnType<typeof generateKeyPair>>;

beforeAll(async () => {
  key = await generateKeyPair('RS256');
  const jwks = { keys: [{ ...(await exportJWK(key.publicKey)), kid: 'field', alg: 'RS256', use: 'sig' }] };
  const web: typeof globalThis.fetch = async (input) => {
    const url = String(input);
    if (url === METADATA_DOCUMENTS.ChatGPT.jwks_uri) return Response.json(jwks);
    const document = Object.values(METADATA_DOCUMENTS).find(({ client_id }) => client_id === url);
    return document ? Response.json(document) : new Response('nothing here', { status: 404 });
  };
  server = await startTestServer(
    { GATEHOUSE_METADATA_DOCUMENTS: 'open', GATEHOUSE_DEFAULT_RESOURCE: FILES },
    { fetch: web },
  );
});
afterAll(() => server.stop());

/** What a client keeps of itself: who it is, and how it says so at the token endpoint. */
interface Known {
  readonly clientId: string;
  authenticate(): Promise<{ readonly params: Params; readonly headers: Params }>;
}

async function makeKnown({ identity }: FieldClient): Promise<Known> {
  if ('document' in identity) {
    const clientId = identity.document.client_id;
    return { clientId, authenticate: () => asDeclared(clientId, identity.document, undefined) };
  }
  const { status, body } = await register(server, identity.registration);
  expect({ status, uris: body['redirect_uris'] }).toEqual({
    status: 201,
    uris: identity.registration['redirect_uris'],
  });
  const { client_id: clientId, client_secret: secret } = body;
  return { clientId, authenticate: () => asDeclared(clientId, body, secret) };
}

async function asDeclared(
  clientId: string,
  { token_endpoint_auth_method: method }: Readonly<Record<string, unknown>>,
  secret: string | undefined,
): Promise<{ readonly params: Params; readonly headers: Params }> {
  switch (method) {
    case 'client_secret_basic':
      return { params: {}, headers: basic(clientId, secret ?? '') };
    case 'client_secret_post':
      return { params: { client_id: clientId, client_secret: secret ?? '' }, headers: {} };
    case 'private_key_jwt':
      return {
        params: {
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await new SignJWT({ jti: randomUUID() })
            .setProtectedHeader({ alg: 'RS256', kid: 'field' })
            .setIssuer(clientId)
            .setSubject(clientId)
            .setAudience(`${server.issuer}/token`)
            .setIssuedAt()
            .setExpirationTime('60s')
            .sign(key.privateKey),
        },
        headers: {},
      };
    default:
      return { params: { client_id: clientId }, headers: {} };
  }
}

describe.each(FIELD_CLIENTS.map((client) => [client.name, client] as const))('%s', (_name, client) => {
  /** Somebody of their own, who signs in on the way to the first consent, as one does. */
  let person: Person;
  let browser: Agent;
  beforeAll(async () => {
    person = await addPerson(server);
    browser = createAgent();
  });

  /** From the authorization request to tokens, by browser and as a program, at this redirect. */
  async function connect(
    { clientId, authenticate }: Known,
    { redirectUri, scope }: { readonly redirectUri: string; readonly scope: string | undefined },
  ): Promise<TokenResponse> {
    const { verifier, challenge } = pkce();
    const state = `${randomUUID()}%2B/=&`;
    const { resource, prompt } = client.authorization;
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state,
      ...(scope === undefined ? {} : { scope }),
      ...(resource === undefined ? {} : { resource }),
      ...(prompt === undefined ? {} : { prompt }),
    });
    const callback = await walk(browser, `${server.issuer}/authorize?${query}`, person);
    expect(callback.href.split('?')[0]).toBe(redirectUri);
    expect(callback.searchParams.getAll('state')).toEqual([state]);
    expect(callback.searchParams.getAll('iss')).toEqual([server.issuer]);
    expect(callback.searchParams.get('error')).toBeNull();

    const { params, headers } = await authenticate();
    const sent = {
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: redirectUri,
      ...(client.repeatsResource && resource !== undefined ? { resource } : {}),
      ...params,
    };
    return post(server, '/token', sent, headers);
  }

  async function refresh({ authenticate }: Known, refreshToken: string): Promise<TokenResponse> {
    const { params, headers } = await authenticate();
    const { resource } = client.authorization;
    const sent = {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      ...(client.repeatsResource && resource !== undefined ? { resource } : {}),
      ...params,
    };
    return post(server, '/token', sent, headers);
  }

  const scopesOf = ({ body }: TokenResponse) => String(claimsOf(body.access_token)['scope']).split(' ');

  it('MCP 16, MCP 18, MCP 39, MCP 60: from each of its redirects to a token, and on to the next', async () => {
    const known = await makeKnown(client);
    for (const template of client.redirects) {
      const redirectUri = template.replace('{port}', String(await freePort()));
      const tokens = await connect(known, { redirectUri, scope: client.authorization.scope });
      expect({ redirectUri, status: tokens.status }).toEqual({ redirectUri, status: 200 });
      expect(claimsOf(tokens.body.access_token)).toMatchObject({ aud: FILES, client_id: known.clientId });
      expect(scopesOf(tokens)).toContain('files:read');
      expect(tokens.body['expires_in']).toBeGreaterThan(0);
      expect(tokens.body['token_type']).toBe('Bearer');

      expect(tokens.body.refresh_token !== undefined).toBe(client.refreshes);
      let current = tokens.body.refresh_token;
      for (let round = 0; current !== undefined && round < 2; round += 1) {
        const next = await refresh(known, current);
        expect({ redirectUri, round, status: next.status }).toEqual({ redirectUri, round, status: 200 });
        expect(next.body.refresh_token).not.toBe(current);
        expect(claimsOf(next.body.access_token)).toMatchObject({ aud: FILES });
        expect(scopesOf(next)).toEqual(scopesOf(tokens));
        current = next.body.refresh_token;
      }
    }
  });

  it('MCP 26, MCP 27, NEW-10: steps up by asking again for more, whatever it registered', async () => {
    // A browser session without the connections of the tests before, of which the step-up would widen several.
    browser = createAgent();
    await signedIn(server, browser, person);
    const known = await makeKnown(client);
    const redirectUri = (client.redirects.at(-1) ?? '').replace('{port}', String(await freePort()));
    const first = await connect(known, { redirectUri, scope: 'files:read' });
    expect(scopesOf(first)).toEqual(['files:read']);
    const { value: more, grants } = await observe(server, () =>
      connect(known, { redirectUri, scope: 'files:read files:write' }),
    );
    expect(more.status).toBe(200);
    expect(scopesOf(more).sort()).toEqual(['files:read', 'files:write']);
    expect(more.body.scope?.split(' ').sort()).toEqual(['files:read', 'files:write']);
    expect(grants).toBe(1);
    // What it had is replaced by what it has now.
    if (first.body.refresh_token) {
      expect(await refresh(known, first.body.refresh_token)).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant', error_description: expect.stringContaining('was ended') },
      });
    }
    if (more.body.refresh_token) expect((await refresh(known, more.body.refresh_token)).status).toBe(200);
  });
});
