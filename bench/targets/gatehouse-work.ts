import type { Expectation, RequestTemplate, Work } from '../load/protocol.ts';
import { DOCUMENT_REDIRECT } from '../web/documents.ts';

import { type FixtureClient, type Fixtures, SCOPE } from './gatehouse-fixtures.ts';
import type { Supplies } from './target.ts';

/** Families that are refreshed in turn, more than there are refreshes at the same time. */
const FAMILIES = 128;
/** Tokens that are repeated in turn, so many that none is repeated more often than it may be. */
const REPEATED = 250;

/** Code exchange and refresh of one client. */
export function tokenSuppliesOf(fixtures: Fixtures, client: FixtureClient) {
  return {
    code: {
      make: async (operations: number): Promise<Work> => ({
        kind: 'requests',
        requests: (await fixtures.codes(operations, client)).map((code) =>
          post('/token', {
            grant_type: 'authorization_code',
            client_id: client.id,
            code,
            code_verifier: fixtures.verifier,
            redirect_uri: client.redirectUri,
          }),
        ),
        expect: { status: 200, contains: 'refresh_token' },
      }),
    },

    refresh: {
      make: async (): Promise<Work> => ({
        kind: 'refresh',
        path: '/token',
        form: { client_id: client.id },
        tokens: await fixtures.refreshTokens(FAMILIES, client),
      }),
    },
  } satisfies Supplies;
}

/** Where the work of each scenario comes from, at a Gatehouse. */
export function suppliesOf(fixtures: Fixtures): Supplies {
  const { issuer, resource, client, native } = fixtures;
  return {
    ...tokenSuppliesOf(fixtures, client),

    jwks: { make: async () => single({ method: 'GET', path: '/jwks' }, { status: 200, contains: 'ES256' }) },

    metadata: {
      make: async () =>
        single(
          { method: 'GET', path: '/.well-known/oauth-authorization-server' },
          { status: 200, contains: issuer },
        ),
    },

    authorize: {
      async make() {
        const headers = { cookie: `gatehouse_session=${await fixtures.session()}` };
        return single(
          { method: 'GET', path: authorizePath(fixtures, client), headers },
          { status: 303, contains: 'callback?code=' },
        );
      },
    },

    replay: {
      async make() {
        const tokens = await fixtures.refreshTokens(REPEATED);
        for (const token of tokens) await refresh(fixtures, token);
        return {
          kind: 'requests',
          requests: tokens.map((token) => post('/token', refreshForm(fixtures, token))),
          expect: { status: 200, contains: 'refresh_token' },
        };
      },
    },

    introspection: {
      async make() {
        const [refreshToken = ''] = await fixtures.refreshTokens(1);
        const { access_token: token } = await refresh(fixtures, refreshToken);
        const credentials = Buffer.from(`${resource.id}:${resource.secret}`).toString('base64');
        return single(post('/introspect', { token }, { authorization: `Basic ${credentials}` }), {
          status: 200,
          contains: '"active":true',
        });
      },
    },

    revocation: {
      make: async (operations) => ({
        kind: 'requests',
        requests: (await fixtures.refreshTokens(operations)).map((token) =>
          post('/revoke', { client_id: client.id, token }),
        ),
        expect: { status: 200 },
      }),
    },

    'sign-in': {
      make: async (operations) => ({ kind: 'sign-in', people: await fixtures.people(operations) }),
    },
    pages: { make: async (operations) => ({ kind: 'pages', people: await fixtures.people(operations) }) },
    'first-login': {
      make: async (operations) => ({
        kind: 'first-login',
        people: await fixtures.people(operations),
        clientId: native.id,
        redirectUri: native.redirectUri,
        resource: resource.identifier,
        scope: SCOPE,
      }),
    },
  };
}

/** Authorization requests of clients that are named by these URLs, each once. */
export function authorizationsOf(fixtures: Fixtures, urls: readonly string[], expect: Expectation): Work {
  const requests = urls.map((id) => {
    const path = authorizePath(fixtures, { id, redirectUri: DOCUMENT_REDIRECT });
    return { method: 'GET', path } as const;
  });
  return { kind: 'requests', requests, expect };
}

function authorizePath({ resource, challenge }: Fixtures, client: FixtureClient): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'state',
    resource: resource.identifier,
    scope: SCOPE,
  });
  return `/authorize?${query}`;
}

function refreshForm({ client }: Fixtures, token: string) {
  return { grant_type: 'refresh_token', client_id: client.id, refresh_token: token };
}

async function refresh(fixtures: Fixtures, token: string): Promise<{ readonly access_token: string }> {
  const response = await fetch(`${fixtures.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams(refreshForm(fixtures, token)),
  });
  if (!response.ok) throw new Error(`no refresh: ${response.status} ${await response.text()}`);
  return (await response.json()) as { access_token: string };
}

function single(request: RequestTemplate, expect: { status: number; contains?: string }): Work {
  return { kind: 'requests', requests: [request], expect };
}

function post(path: string, fields: Record<string, string>, headers = {}): RequestTemplate {
  return {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: `${new URLSearchParams(fields)}`,
  };
}
