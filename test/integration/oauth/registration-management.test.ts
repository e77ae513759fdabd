import { OAuthClientInformationFullSchema } from '@modelcontextprotocol/sdk/shared/auth.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { setTrust, trustLevels } from '../../../src/domain/admission/index.ts';
import { createRegistrationToken } from '../../../src/domain/clients/index.ts';
import { listConnections, settleCutoffs } from '../../../src/domain/grants/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage } from '../../support/authorization.ts';
import {
  addPerson,
  authorizeUrl,
  basic,
  connect,
  obtainCode,
  pkce,
  post,
  signedIn,
} from '../../support/flow.ts';
import { manage, NATIVE, type Registered, register } from '../../support/registration.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  ada = createAgent();
  await signedIn(server, ada, await addPerson(server));
});
afterAll(() => server.stop());

/** The row of a client, as text, to see that nothing of it changed. */
async function rowOf(clientId: string): Promise<string> {
  const { rows } = await server.database.pool.query(
    'SELECT to_jsonb(c)::text AS row FROM clients c WHERE id = $1',
    [clientId],
  );
  return rows[0]?.row ?? 'gone';
}

const uriOf = ({ body }: Registered) => body.registration_client_uri;
const tokenOf = ({ body }: Registered) => body.registration_access_token;
const read = (client: Registered) => manage(uriOf(client), 'GET', tokenOf(client));
const change = (client: Registered, body: object) =>
  manage(uriOf(client), 'PUT', tokenOf(client), { client_id: client.body.client_id, ...body });
const remove = (client: Registered) => manage(uriOf(client), 'DELETE', tokenOf(client));

const trustIn = (clientId: string, trust: string) =>
  server.database.prisma.client.update({ where: { id: clientId }, data: { trust } });
const trustOf = async (clientId: string) =>
  (await server.database.prisma.client.findUniqueOrThrow({ where: { id: clientId } })).trust;

describe('the management of a registration', () => {
  let client: Registered;
  beforeEach(async () => {
    client = await register(server);
  });

  it('is told where it is and what opens it, and of that token only a hash is kept', async () => {
    const { client_id: clientId, registration_access_token: token } = client.body;
    expect(uriOf(client)).toBe(`${server.issuer}/register/${clientId}`);
    expect(token).toMatch(/^ghr_[\w-]{43}$/);
    expect(OAuthClientInformationFullSchema.safeParse(client.body).error).toBeUndefined();
    const { rows } = await server.database.pool.query(
      `SELECT to_jsonb(c)::text AS row FROM clients c UNION ALL SELECT to_jsonb(a)::text FROM audit_records a`,
    );
    expect(rows.map(({ row }) => row).join('\n')).not.toContain(token.slice(4));
  });

  it('reads what is registered, as it was answered, and keeps nothing of having been asked', async () => {
    const { value: answer, records } = await observe(server, () => read(client));
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(client.body);
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(records).toEqual([]);
  });

  it('MCP 64: a client with a secret reads that it has one that does not expire, and not which', async () => {
    const confidential = await register(server, {
      ...NATIVE,
      token_endpoint_auth_method: 'client_secret_basic',
    });
    const { client_secret: secret, ...rest } = confidential.body;
    expect(secret).toBeDefined();
    const { body } = await read(confidential);
    expect(body).toEqual(rest);
    expect(body['client_secret_expires_at']).toBe(0);
  });

  it('changes the registration as a whole, and rotates neither token nor secret', async () => {
    const confidential = await register(server, {
      ...NATIVE,
      token_endpoint_auth_method: 'client_secret_basic',
      client_uri: 'https://app.example',
      contacts: ['ada@app.example'],
    });
    const { client_id: clientId, client_secret: secret = '' } = confidential.body;
    const { value: answer, records } = await observe(server, () =>
      change(confidential, {
        client_name: 'Renamed',
        client_secret: secret,
        redirect_uris: ['http://localhost:8787/callback', 'com.example.app:/cb'],
        grant_types: ['authorization_code', 'password'],
        logo_uri: 'https://app.example/logo.png',
        scope: 'files:delete',
        contacts: null,
      }),
    );
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      client_id: clientId,
      client_id_issued_at: confidential.body['client_id_issued_at'],
      client_secret_expires_at: 0,
      client_name: 'Renamed',
      redirect_uris: ['http://localhost:8787/callback', 'com.example.app:/cb'],
      application_type: 'native',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      logo_uri: 'https://app.example/logo.png',
      registration_client_uri: uriOf(confidential),
      registration_access_token: tokenOf(confidential),
    });
    expect((await read(confidential)).body).toEqual(answer.body);
    expect(records).toEqual([
      expect.objectContaining({
        event: 'client.changed',
        outcome: 'success',
        client: clientId,
        detail: expect.objectContaining({
          changed: expect.arrayContaining([
            'client_name',
            'redirect_uris',
            'grant_types',
            'client_uri',
            'contacts',
            'logo_uri',
          ]),
          name: ['Native', 'Renamed'],
        }),
      }),
    ]);
    const { code, verifier } = await obtainCode(server, ada, clientId, {
      redirect_uri: 'http://localhost:51111/callback',
    });
    const tokens = await post(
      server,
      '/token',
      {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        redirect_uri: 'http://localhost:51111/callback',
      },
      basic(clientId, secret),
    );
    expect(tokens.status).toBe(200);
    expect(tokens.body).not.toHaveProperty('refresh_token');
  });

  it('takes back what it answered, and that changes nothing and is no event', async () => {
    const before = await rowOf(client.body.client_id);
    const { value: answer, records } = await observe(server, () => change(client, client.body));
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(client.body);
    expect(records).toEqual([]);
    expect(await rowOf(client.body.client_id)).toBe(before);
  });

  it.each([
    ['no client ID', { client_id: undefined, ...NATIVE }, /client_id/],
    ['the client ID of another', { ...NATIVE, client_id: 'cli_AAAAAAAAAAAAAAAAAAAAAA' }, /client_id/],
    ['a secret of its own', { ...NATIVE, client_secret: 'mine' }, /client_secret/],
    [
      'another way to authenticate',
      { ...NATIVE, token_endpoint_auth_method: 'client_secret_post' },
      /stays none/,
    ],
  ])('L3: refuses a change with %s, and nothing changes', async (_what, body, description) => {
    const before = await rowOf(client.body.client_id);
    const { value: refused, records } = await observe(server, () => change(client, body));
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({
      error: 'invalid_client_metadata',
      error_description: expect.stringMatching(description),
    });
    expect(records).toEqual([
      expect.objectContaining({
        event: 'client.rejected',
        outcome: 'refused',
        client: client.body.client_id,
      }),
    ]);
    expect(await rowOf(client.body.client_id)).toBe(before);
  });

  it('L3: a client with a secret cannot become one without', async () => {
    const confidential = await register(server, {
      ...NATIVE,
      token_endpoint_auth_method: 'client_secret_basic',
    });
    for (const method of ['none', 'client_secret_post', 'private_key_jwt']) {
      const refused = await change(confidential, { ...NATIVE, token_endpoint_auth_method: method });
      expect(refused.status).toBe(400);
    }
    const { body } = await change(confidential, { ...NATIVE, token_endpoint_auth_method: undefined });
    expect(body['token_endpoint_auth_method']).toBe('client_secret_basic');
    expect((await change(confidential, { ...NATIVE, client_secret: 'wrong' })).status).toBe(400);
  });

  it.each([
    ['javascript:alert(1)'],
    [' JaVaScript:alert(1)'],
    ['data:text/html,x'],
    ['myapp://cb'],
    ['http://evil.example/cb'],
    ['https://*.example.com/cb'],
    ['https://ok.example/cb#x'],
    ['https://ok.example@evil.example/cb'],
    ['http://127.1/cb'],
  ])('L3, B2: %j is refused in a change as it is when registering, with the same words', async (uri) => {
    const body = { ...NATIVE, redirect_uris: ['https://ok.example/cb', uri] };
    const before = await rowOf(client.body.client_id);
    const first = await observe(server, () => register(server, body));
    const second = await observe(server, () => change(client, body));
    expect(first.value.status).toBe(400);
    expect(first.value.body).toMatchObject({ error: 'invalid_redirect_uri' });
    expect(second.value.status).toBe(400);
    expect(second.value.body).toEqual(first.value.body);
    expect(second.records).toHaveLength(1);
    expect(second.records[0]?.reason).toBe(first.records[0]?.reason);
    expect(await rowOf(client.body.client_id)).toBe(before);
  });

  it.each([
    ['an unknown statement', { software_statement: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' }],
    ['no redirect', { redirect_uris: [] }],
    ['51 redirects', { redirect_uris: Array.from({ length: 51 }, (_, i) => `https://a.example/${i}`) }],
    ['only grants that are not served', { grant_types: ['client_credentials'] }],
    ['a private key', { jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] } }],
    [
      'redirects that the library does not take',
      { redirect_uris: ['com.example.app:cb', 'https://localhost/'] },
    ],
  ])('L3: %s fares the same in both', async (_what, more) => {
    const [first, second] = [
      await register(server, { ...NATIVE, ...more }),
      await change(client, { ...NATIVE, ...more }),
    ];
    expect(second.status === 200).toBe(first.status === 201);
    if (second.status !== 200) expect(second.body).toEqual(first.body);
  });

  it('L7: what is not a registration is refused in a change too', async () => {
    const before = await rowOf(client.body.client_id);
    for (const body of ['', '{', '[]', 'null', '"x"', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`]) {
      const { value: refused, records } = await observe(server, () =>
        manage(uriOf(client), 'PUT', tokenOf(client), body),
      );
      expect([400, 413, 415]).toContain(refused.status);
      expect(refused.body).toHaveProperty('error');
      expect(records).toEqual([expect.objectContaining({ event: 'client.rejected', outcome: 'refused' })]);
    }
    expect(await rowOf(client.body.client_id)).toBe(before);
  });
});

describe('trust', () => {
  it.each(['untrusted', 'known', 'trusted', 'first_party'])(
    'L3: of a %s client never rises by what it says, and falls when it becomes another',
    async (trust) => {
      const client = await register(server);
      const { client_id: clientId } = client.body;
      await trustIn(clientId, trust);
      await change(client, { ...NATIVE, client_uri: 'https://native.example', trust: 'first_party' });
      expect(await trustOf(clientId)).toBe(trust);
      const { records } = await observe(server, () =>
        change(client, { ...NATIVE, redirect_uris: ['https://evil.example/cb'], trust: 'first_party' }),
      );
      expect(await trustOf(clientId)).toBe('untrusted');
      expect(records).toHaveLength(1);
      const detail = records[0]?.detail as Record<string, unknown>;
      expect(detail['trust']).toEqual(trust === 'untrusted' ? undefined : [trust, 'untrusted']);
    },
  );

  it('L3: of a blocked client stays what it is, since the client opens nothing with its token', async () => {
    const client = await register(server);
    await trustIn(client.body.client_id, 'blocked');
    for (const attempt of [read, remove, (one: Registered) => change(one, NATIVE)]) {
      expect((await attempt(client)).status).toBe(401);
    }
    expect(await trustOf(client.body.client_id)).toBe('blocked');
  });
});

describe('the registration access token', () => {
  it('L2: opens its own client and no other; another, an unknown and a removed one look the same', async () => {
    const [mine, theirs, gone] = await Promise.all([register(server), register(server), register(server)]);
    await remove(gone);
    const { clientId: preregistered } = await addTestClient(server);
    const before = await rowOf(theirs.body.client_id);
    const answers = new Set<string>();
    for (const [id, token] of [
      [theirs.body.client_id, tokenOf(mine)],
      [theirs.body.client_id, 'ghr_guessed'],
      ['cli_AAAAAAAAAAAAAAAAAAAAAA', tokenOf(mine)],
      ['cli_', tokenOf(mine)],
      [gone.body.client_id, tokenOf(gone)],
      [gone.body.client_id, tokenOf(mine)],
      [preregistered, tokenOf(mine)],
      [encodeURIComponent('https://app.example/client.json'), tokenOf(mine)],
      [`${theirs.body.client_id}%20`, tokenOf(theirs)],
    ] as const) {
      for (const [method, body] of [
        ['GET', undefined],
        ['PUT', { ...NATIVE, client_id: decodeURIComponent(id) }],
        ['DELETE', undefined],
      ] as const) {
        const { value: refused, records } = await observe(server, () =>
          manage(`${server.issuer}/register/${id}`, method, token, body),
        );
        expect({ id, method, status: refused.status }).toEqual({ id, method, status: 401 });
        expect(records).toEqual([
          expect.objectContaining({
            event: 'client.rejected',
            outcome: 'refused',
            reason: 'registration_access_unknown',
          }),
        ]);
        answers.add(JSON.stringify([refused.body, refused.headers.get('www-authenticate')]));
      }
    }
    expect([...answers]).toEqual([
      JSON.stringify([
        {
          error: 'invalid_token',
          error_description: 'this needs the registration access token of a registered client',
        },
        'Bearer error="invalid_token"',
      ]),
    ]);
    expect(await rowOf(theirs.body.client_id)).toBe(before);
    expect((await read(mine)).status).toBe(200);
  });

  it('L2: is taken from the header alone, and nothing else is one', async () => {
    const client = await register(server, { ...NATIVE, token_endpoint_auth_method: 'client_secret_basic' });
    const { client_id: clientId, client_secret: secret = '' } = client.body;
    for (const headers of [
      {},
      { authorization: tokenOf(client) },
      { authorization: `Basic ${tokenOf(client)}` },
      { cookie: `registration_access_token=${tokenOf(client)}` },
      basic(clientId, secret),
      { authorization: `Bearer ${secret}` },
    ]) {
      const url = `${uriOf(client)}?access_token=${tokenOf(client)}`;
      const { value: response, records } = await observe(server, () => fetch(url, { headers }));
      expect(response.status).toBe(401);
      expect(records).toHaveLength(1);
    }
  });

  it('L2: cannot be guessed at without end', async () => {
    const strict = await startTestServer({
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_THROTTLE_TOKEN_NETWORK: '5',
    });
    try {
      const client = await register(strict);
      const guess = () => manage(client.body.registration_client_uri, 'GET', 'ghr_guessed');
      const statuses = [];
      for (let at = 0; at < 8; at += 1) statuses.push((await guess()).status);
      expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
      expect(statuses.at(-1)).toBe(429);
      // Whoever has the token is not kept out by those who guess.
      expect((await read(client)).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });

  it('works from a page of another origin, as every endpoint for programs', async () => {
    const client = await register(server);
    const preflight = await fetch(uriOf(client), {
      method: 'OPTIONS',
      headers: {
        origin: 'http://localhost:6274',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization, content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, PUT, DELETE');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    for (const token of [tokenOf(client), 'ghr_guessed']) {
      const { headers } = await manage(uriOf(client), 'GET', token);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
    }
  });
});

describe('what people are shown of a change', () => {
  const WRITE = { scope: 'files:read files:write' };
  const RENAMED = { ...NATIVE, client_name: 'Renamed', redirect_uris: ['http://127.0.0.1/elsewhere'] };
  const ELSEWHERE = { redirect_uri: 'http://127.0.0.1:53111/elsewhere' };

  async function known(): Promise<Registered> {
    const { token } = await createRegistrationToken(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, trust: 'known', uses: 1, lifetime: 60 },
      cause,
    );
    return register(server, NATIVE, { authorization: `Bearer ${token}` });
  }
  const pageFor = (client: Registered, agent: Agent, params: Readonly<Record<string, string>>) =>
    agent.get(
      authorizeUrl(server, { client_id: client.body.client_id, code_challenge: pkce().challenge, ...params }),
    );
  const preselected = (page: Page) =>
    page.form?.checkboxes.filter(({ checked }) => checked).map(({ value }) => value);

  it('L3: what was remembered of it is not looked at, and the page says what is not as it was', async () => {
    const client = await known();
    await connect(server, ada, client.body.client_id, WRITE);
    const before = await pageFor(client, ada, WRITE);
    expect(preselected(before)).toEqual(['files:read', 'files:write']);
    expect(before.html).not.toContain('This program has changed');

    await change(client, RENAMED);
    const after = await pageFor(client, ada, { ...WRITE, ...ELSEWHERE });
    // It is untrusted now: nothing is ticked for it, and nothing is remembered of it.
    expect(preselected(after)).toEqual([]);
    expect(after.html).toContain('This program has changed');
    for (const [was, is] of [
      ['Native', 'Renamed'],
      ['http://127.0.0.1/callback', 'http://127.0.0.1/elsewhere'],
    ]) {
      expect(after.html).toContain(`<del>${was}</del>`);
      expect(after.html).toContain(`<ins>${is}</ins>`);
    }
    await connect(server, ada, client.body.client_id, { ...WRITE, ...ELSEWHERE });
    const settled = await pageFor(client, ada, { ...WRITE, ...ELSEWHERE });
    expect(preselected(settled)).toEqual([]);
    expect(settled.html).not.toContain('This program has changed');
  });

  const textOf = (page: Page) => page.html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
  /** Everything that a page says of who the client is. */
  const saysVerified = (page: Page) => /(?<!not )verified/.test(textOf(page));

  it('SEC-M5: a client that registered with a token is shown as such, and never as verified under a name it chose', async () => {
    const client = await known();
    const page = await pageFor(client, ada, WRITE);
    expect(textOf(page)).toContain('registered with an administrator’s token, not verified');
    expect(saysVerified(page)).toBe(false);

    const evil = {
      ...NATIVE,
      client_name: 'Claude by Anthropic',
      redirect_uris: ['https://claude-ai.evil.example/cb'],
    };
    await change(client, evil);
    expect(await trustOf(client.body.client_id)).toBe('untrusted');
    const renamed = await pageFor(client, ada, {
      ...WRITE,
      redirect_uri: 'https://claude-ai.evil.example/cb',
    });
    expect(textOf(renamed)).toContain('This program is not verified.');
    expect(textOf(renamed)).toContain('You will go back to https://claude-ai.evil.example');
    expect(saysVerified(renamed)).toBe(false);
    expect(preselected(renamed)).toEqual([]);
  });

  it('SEC-M5: client trust of exactly this client verifies it, until it changes its name or its redirects', async () => {
    for (const changed of [
      { client_name: 'Renamed' },
      { redirect_uris: ['https://native.example/cb', 'https://native.example/other'] },
    ]) {
      const web = { ...NATIVE, redirect_uris: ['https://native.example/cb'], application_type: 'web' };
      const client = await register(server, web);
      const { client_id: clientId } = client.body;
      await setTrust(server.database.prisma, { tenantId: DEFAULT_TENANT, clientId, trust: 'known' }, cause);
      const params = { redirect_uri: 'https://native.example/cb', scope: 'files:read' };
      expect(saysVerified(await pageFor(client, ada, params))).toBe(true);
      await connect(server, ada, clientId, params);
      const connection = async () =>
        (await listConnections(server.database.prisma)).find(({ client: { id } }) => id === clientId);
      expect((await connection())?.client.identity).toBe('verified');
      expect((await trustLevels(server.database.pool, 'open')).get(clientId)?.identity).toBe('verified');

      await change(client, { ...web, ...changed });
      expect(saysVerified(await pageFor(client, ada, params))).toBe(false);
      expect((await connection())?.client.identity).toBe('unverified');
      expect((await trustLevels(server.database.pool, 'open')).get(clientId)).toEqual({
        trust: 'untrusted',
        identity: 'unverified',
      });
    }
  });

  it('L3: a stranger is shown with what it was too, to whoever allowed it something and to nobody else', async () => {
    const client = await register(server);
    await connect(server, ada, client.body.client_id);
    await change(client, RENAMED);
    expect((await pageFor(client, ada, ELSEWHERE)).html).toContain('<del>Native</del>');
    const other = createAgent();
    await signedIn(server, other, await addPerson(server));
    expect((await pageFor(client, other, ELSEWHERE)).html).not.toContain('<del>');
  });

  it('L3: a first-party client that changes itself does not go on unseen', async () => {
    const web = { ...NATIVE, redirect_uris: ['https://app.example/cb'] };
    const client = await register(server, web);
    await trustIn(client.body.client_id, 'first_party');
    const silent = await pageFor(client, ada, { redirect_uri: 'https://app.example/cb' });
    expect(silent.location).toMatch(/^https:\/\/app\.example\/cb\?code=/);
    await change(client, { ...web, redirect_uris: ['https://app.example/cb', 'https://evil.example/cb'] });
    for (const uri of ['https://evil.example/cb', 'https://app.example/cb']) {
      const page = await pageFor(client, ada, { redirect_uri: uri });
      expect(page.location).toBeUndefined();
      expect(page.html).toContain('<ins>https://evil.example/cb</ins>');
    }
  });

  it('L3: a change while the page is open is shown before it is allowed', async () => {
    const client = await known();
    const page = await pageFor(client, ada, {});
    await change(client, { ...NATIVE, client_name: 'Renamed' });
    const again = await ada.submit(page, { scope: ['files:read'], decision: 'allow' });
    expect(again.location).toBeUndefined();
    expect(again.form?.step).toBe('consent');
    expect(again.html).toContain('Renamed');
    const done = await ada.submit(again, { scope: ['files:read'], decision: 'allow' });
    expect(done.location).toContain('code=');
  });

  it('keeps no version of it that nothing rests on', async () => {
    const client = await register(server);
    const versions = async () =>
      (
        await server.database.pool.query(
          'SELECT name FROM client_snapshots WHERE client_id = $1 ORDER BY name',
          [client.body.client_id],
        )
      ).rows.map(({ name }) => name);
    for (const client_name of ['A', 'B', 'C']) await change(client, { ...NATIVE, client_name });
    expect(await versions()).toEqual(['C']);
    await connect(server, ada, client.body.client_id);
    for (const client_name of ['D', 'E']) await change(client, { ...NATIVE, client_name });
    expect(await versions()).toEqual(['C', 'E']);
  });

  it('a connection goes on as before, with what the client is registered for now', async () => {
    const client = await register(server);
    const { refresh_token: refreshToken = '' } = await connect(server, ada, client.body.client_id);
    await change(client, RENAMED);
    const refreshed = await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: client.body.client_id,
      refresh_token: refreshToken,
    });
    expect(refreshed.status).toBe(200);
    await change(client, { ...RENAMED, grant_types: ['authorization_code'] });
    const refused = await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: client.body.client_id,
      refresh_token: refreshed.body.refresh_token ?? '',
    });
    expect(refused.body.error).toBe('unauthorized_client');
  });
});

describe('the end of a registration', () => {
  it('is the end of its grants, at once, with a record each', async () => {
    const client = await register(server);
    const { client_id: clientId } = client.body;
    const connections = [await connect(server, ada, clientId), await connect(server, ada, clientId)];
    const { value: answer, records } = await observe(server, () => remove(client));
    expect(answer.status).toBe(204);
    expect(records.filter(({ event }) => event === 'client.removed')).toEqual([
      expect.objectContaining({ outcome: 'success', client: clientId }),
    ]);
    for (const { access_token: token = '', refresh_token: refreshToken = '' } of connections) {
      const refreshed = await post(server, '/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: refreshToken,
      });
      expect({ status: refreshed.status, error: refreshed.body.error }).toEqual({
        status: 401,
        error: 'invalid_client',
      });
      const { clientId: other, clientSecret = '' } = await addTestClient(server, {
        authMethod: 'client_secret_basic',
      });
      const active = await post(server, '/introspect', { token }, basic(other, clientSecret));
      expect(active.body['active']).toBe(false);
    }
    expectRefusedOnPage(await askFor(server, ada, clientId), { reason: 'client_removed' });
  });

  it('wins over token requests that are under way: what they still got is dead, and there is no more', async () => {
    for (let round = 0; round < 5; round += 1) {
      const client = await register(server);
      const id = client.body.client_id;
      const { refresh_token: refreshToken = '' } = await connect(server, ada, id);
      const { code, verifier } = await obtainCode(server, ada, id);
      const refresh = (token: string) =>
        post(server, '/token', { grant_type: 'refresh_token', client_id: id, refresh_token: token });
      const [removed, ...answers] = await Promise.all([
        remove(client),
        refresh(refreshToken),
        post(server, '/token', {
          grant_type: 'authorization_code',
          client_id: id,
          code,
          code_verifier: verifier,
        }),
      ]);
      expect(removed.status).toBe(204);
      for (const { status, body } of answers) {
        expect([200, 400, 401]).toContain(status);
        const again = await refresh(body.refresh_token ?? refreshToken);
        expect([again.status, again.body.error]).toEqual([401, 'invalid_client']);
      }
      // One that was being written to meanwhile is dead by its client's epoch, and says so later.
      await settleCutoffs(server.database.prisma);
      const { rows } = await server.database.pool.query(
        'SELECT count(*)::int AS living FROM grants WHERE client_id = $1 AND revoked_at IS NULL',
        [id],
      );
      expect(rows[0].living).toBe(0);
    }
  });

  it('happens once, however often it is asked for at the same time', async () => {
    const client = await register(server);
    const { value: answers, records } = await observe(server, () =>
      Promise.all(Array.from({ length: 6 }, () => remove(client))),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401, 401, 401, 401, 401]);
    expect(records.filter(({ event }) => event === 'client.removed')).toHaveLength(1);
    expect(records.filter(({ event }) => event === 'client.rejected')).toHaveLength(5);
    expect((await read(client)).status).toBe(401);
  });

  it('B9: a redirect that the client takes from its registration is not followed any more', async () => {
    const client = await register(server, {
      ...NATIVE,
      redirect_uris: ['https://stays.example/cb', 'https://goes.example/cb'],
    });
    const still = createAgent({ follow: false });
    await signedIn(server, still, await addPerson(server));
    const { value: page } = await askFor(server, still, client.body.client_id, {
      redirect_uri: 'https://goes.example/cb',
    });
    const consent = await still.get(page.location ?? '');
    await change(client, { ...NATIVE, redirect_uris: ['https://stays.example/cb'] });
    expectRefusedOnPage(await observe(server, () => still.submit(consent, { decision: 'allow' })), {
      reason: 'redirect_uri',
    });
  });
});
