import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { startServer } from '../../../src/main.ts';
import { assertionOf, type ClientKey, JWT_BEARER, newClientKey } from '../../support/assertion.ts';
import { obtainCode, post, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import { type Connected, connected, recordsOf, tokensOf } from '../../support/token-requests.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

const json = { 'content-type': 'application/json' };

let web: TestWeb;
let server: TestServer;
let ada: Connected;

beforeAll(async () => {
  web = await startTestWeb();
  server = await startTestServer({}, { outbound: web.outbound });
  ada = await connected(server);
});

afterAll(async () => {
  await server.stop();
  await web.stop();
});

const newKey = (alg = 'RS256') => newClientKey(alg);
const assertion = (clientId: string, key: ClientKey) => assertionOf(server, { clientId, key });

let sites = 0;

/** A client that publishes these keys, at a host of its own; `set` is what stands there from the next fetch on. */
async function publisher(...keys: readonly ClientKey[]) {
  sites += 1;
  const url = `https://keys${sites}.example/oauth/jwks.json`;
  let answer = (): Response => Response.json({ keys: keys.map(({ jwk }) => jwk) });
  web.publish(url, () => answer());
  const { clientId } = await addTestClient(server, { authMethod: 'private_key_jwt', jwksUri: url });
  return {
    url,
    clientId,
    fetches: () => web.asked.filter((asked) => asked.url === url).length,
    set(next: () => Response) {
      answer = next;
    },
    publish(...now: readonly ClientKey[]) {
      answer = () => Response.json({ keys: now.map(({ jwk }) => jwk) });
    },
  };
}

const nothing = { grant_type: 'refresh_token', refresh_token: 'unknown' };
const letIn = { status: 400, body: { error: 'invalid_grant' } };

async function authenticate(
  clientId: string,
  key: ClientKey,
  target: Pick<TestServer, 'issuer'> = server,
): Promise<TokenResponse> {
  return post(target, '/token', { ...nothing, ...(await assertion(clientId, key)) });
}

async function expectRefused(response: TokenResponse, reason: string, why?: RegExp): Promise<void> {
  expect(response).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  const records = await recordsOf(server, response);
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ event: 'client.authentication_failed', outcome: 'refused', reason });
  if (why) expect(JSON.stringify(records[0]?.detail)).toMatch(why);
}

/** Moves what is kept of a URL into the past, in the database. */
async function age(url: string, seconds: number): Promise<void> {
  const { rowCount } = await server.database.pool.query(
    `UPDATE web_copies SET tried_at = tried_at - make_interval(secs => $2),
       fetched_at = fetched_at - make_interval(secs => $2), failed_at = failed_at - make_interval(secs => $2),
       fresh_until = fresh_until - make_interval(secs => $2) WHERE kind = 'client_keys' AND url = $1`,
    [url, seconds],
  );
  expect(rowCount).toBe(1);
}

/** A second process of the installation, which remembers nothing. */
async function anotherProcess() {
  const port = Number(new URL(server.issuer).port);
  const config = loadConfig({ ...server.environment, GATEHOUSE_LISTEN: '127.0.0.1:0' });
  const running = await startServer(config, { outbound: web.outbound });
  return {
    /** Its answers to requests for the one issuer. */
    async post(path: string, params: Readonly<Record<string, string>>): Promise<number> {
      const outgoing = request({
        host: '127.0.0.1',
        port: running.address.port,
        method: 'POST',
        path,
        headers: { host: `localhost:${port}`, 'content-type': 'application/x-www-form-urlencoded' },
      });
      outgoing.end(new URLSearchParams(params).toString());
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
      await incoming.toArray();
      return incoming.statusCode ?? 0;
    },
    stop: () => running.stop(),
  };
}

describe('a client that publishes its keys', () => {
  it('MCP 43: gets tokens as ChatGPT does, with RS256, and is asked for its keys once', async () => {
    const key = await newKey();
    const { clientId, fetches } = await publisher(await newKey(), key);
    let refreshToken = '';
    for (let round = 0; round < 3; round += 1) {
      const { code, verifier } = await obtainCode(server, ada.agent, clientId);
      const first = await post(server, '/token', {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        ...(await assertion(clientId, key)),
      });
      ({ refreshToken } = tokensOf(first));
    }
    const next = await post(server, '/token', {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      ...(await assertion(clientId, key)),
    });
    const { accessToken } = tokensOf(next);
    const introspected = await post(server, '/introspect', {
      token: accessToken,
      ...(await assertion(clientId, key)),
    });
    expect(introspected.body).toMatchObject({ active: true, client_id: clientId });
    const revoked = await post(server, '/revoke', {
      token: accessToken,
      ...(await assertion(clientId, key)),
    });
    expect(revoked.status).toBe(200);
    expect(fetches()).toBe(1);
  });

  it('MCP 43: many requests at once make one fetch', async () => {
    const key = await newKey();
    const { clientId, fetches } = await publisher(key);
    const answers = await Promise.all(Array.from({ length: 20 }, () => authenticate(clientId, key)));
    for (const answer of answers) expect(answer).toMatchObject(letIn);
    expect(fetches()).toBe(1);
  });

  it('MCP 43: another process is given what the first one fetched', async () => {
    const key = await newKey();
    const { clientId, fetches } = await publisher(key);
    expect(await authenticate(clientId, key)).toMatchObject(letIn);
    const other = await anotherProcess();
    try {
      expect(await other.post('/token', { ...nothing, ...(await assertion(clientId, key)) })).toBe(400);
      expect(fetches()).toBe(1);
    } finally {
      await other.stop();
    }
  });

  it('MCP 43: a new key is fetched when it is first used, and a withdrawn one is refused from then on', async () => {
    const [first, second] = [await newKey(), await newKey()];
    const site = await publisher(first);
    expect(await authenticate(site.clientId, first)).toMatchObject(letIn);
    site.publish(second);
    await age(site.url, 11);
    expect(await authenticate(site.clientId, second)).toMatchObject(letIn);
    expect(site.fetches()).toBe(2);
    await expectRefused(await authenticate(site.clientId, first), 'assertion_key');
    expect(site.fetches()).toBe(2);
  });

  it('a withdrawn key is refused when the set is no longer fresh, without anybody using a new one', async () => {
    const [first, second] = [await newKey(), await newKey()];
    const site = await publisher(first);
    site.set(() => Response.json({ keys: [first.jwk] }, { headers: { 'cache-control': 'max-age=1' } }));
    expect(await authenticate(site.clientId, first)).toMatchObject(letIn);
    site.publish(second);
    await age(site.url, 301);
    // Another process, which knows no more than the database does.
    const other = await anotherProcess();
    try {
      const presented = await assertion(site.clientId, first);
      expect(await other.post('/token', { ...nothing, ...presented })).toBe(401);
      expect(site.fetches()).toBe(2);
    } finally {
      await other.stop();
    }
  });

  it('G9: a flood of unknown keys causes one fetch per cooldown, in all processes together', async () => {
    const key = await newKey();
    const stranger = await newKey();
    const site = await publisher(key);
    expect(await authenticate(site.clientId, key)).toMatchObject(letIn);
    await age(site.url, 11);
    const other = await anotherProcess();
    try {
      const unknown = () => ({ ...stranger, kid: randomUUID() });
      const flood = await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          const params = { ...nothing, ...(await assertion(site.clientId, unknown())) };
          return index % 2 ? other.post('/token', params) : (await post(server, '/token', params)).status;
        }),
      );
      expect(new Set(flood)).toEqual(new Set([401]));
      expect(site.fetches()).toBe(2);
      expect(await authenticate(site.clientId, key)).toMatchObject(letIn);
      await age(site.url, 11);
      await expectRefused(await authenticate(site.clientId, unknown()), 'assertion_key');
      expect(site.fetches()).toBeLessThanOrEqual(3);
    } finally {
      await other.stop();
    }
  });

  it('of an outage of its publisher the client notices nothing, for an hour', async () => {
    const key = await newKey();
    const site = await publisher(key);
    expect(await authenticate(site.clientId, key)).toMatchObject(letIn);
    site.set(() => new Response('down', { status: 503 }));
    const askAnother = async (times: number) => {
      const other = await anotherProcess();
      const answers: number[] = [];
      for (let ask = 0; ask < times; ask += 1) {
        answers.push(await other.post('/token', { ...nothing, ...(await assertion(site.clientId, key)) }));
      }
      await other.stop();
      return answers;
    };
    await age(site.url, 600);
    // In the cooldown after the fetch that fails nobody asks again.
    expect(await askAnother(2)).toEqual([400, 400]);
    expect(site.fetches()).toBe(2);
    await age(site.url, 3_600);
    expect(await askAnother(1)).toEqual([401]);
    expect(site.fetches()).toBe(3);
  });

  it('that is not to be reached is refused, and let in as soon as it is', async () => {
    const key = await newKey();
    const site = await publisher(key);
    site.set(() => new Response('down', { status: 503 }));
    await expectRefused(await authenticate(site.clientId, key), 'client_keys', /"status_503"/);
    await expectRefused(await authenticate(site.clientId, key), 'client_keys', /"status_503"/);
    expect(site.fetches()).toBe(1);
    site.publish(key);
    await age(site.url, 11);
    expect(await authenticate(site.clientId, key)).toMatchObject(letIn);
  });
});

describe('the keys of a client', () => {
  it('K10, MCP 43: are fetched while strangers keep every place for their documents', async () => {
    const patient = await startTestServer(
      { GATEHOUSE_METADATA_DOCUMENTS: 'open', GATEHOUSE_FETCH_TIMEOUT: '5' },
      { outbound: web.outbound },
    );
    try {
      const key = await newKey('ES256');
      const url = 'https://unhindered.example/jwks.json';
      web.publish(url, () => Response.json({ keys: [key.jwk] }));
      const { clientId } = await addTestClient(patient, { authMethod: 'private_key_jwt', jwksUri: url });
      // Eight hosts, and one more in line for each place of theirs; none of them says a word.
      const slow = Array.from({ length: 64 }, (_, at) => `https://slow${at % 8}.example/${at}/client.json`);
      const { promise: allTaken, resolve } = Promise.withResolvers<void>();
      let taken = 0;
      for (const document of slow) {
        web.serve(document, () => {
          taken += 1;
          if (taken === 32) resolve();
        });
      }
      const documents = slow.map(
        async (document) =>
          (await fetch(`${patient.issuer}/authorize?client_id=${encodeURIComponent(document)}`)).status,
      );
      await allTaken;
      const presented = await assertionOf(patient, { clientId, key });
      expect(await post(patient, '/token', { ...nothing, ...presented })).toMatchObject(letIn);
      expect(new Set(await Promise.all(documents))).toEqual(new Set([400]));
    } finally {
      await patient.stop();
    }
  });

  it('MCP 43: are not taken from one request by another of the same client', async () => {
    const key = await newKey();
    const { clientId } = await publisher(key);
    expect(await authenticate(clientId, key)).toMatchObject(letIn);
    const [, payload] = (await assertion(clientId, key)).client_assertion.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const unsigned = { client_assertion_type: JWT_BEARER, client_assertion: `${none}.${payload}.` };
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => {
        if (at % 3 === 0) return authenticate(clientId, key);
        if (at % 3 === 1) return post(server, '/token', { ...nothing, ...unsigned });
        return authenticate(clientId, { ...key, kid: randomUUID() });
      }),
    );
    for (const [at, answer] of answers.entries()) {
      if (at % 3 === 0) expect(answer).toMatchObject(letIn);
      else expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    }
  });
});

describe('a key set that is not to be believed', () => {
  it('K4: a body without end is not read to its end', async () => {
    const key = await newKey();
    const site = await publisher(key);
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024, 0x20);
    site.set(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              sent += chunk.length;
              if (sent > 1_000_000_000) controller.close();
              else controller.enqueue(chunk);
            },
          }),
          { headers: json },
        ),
    );
    await expectRefused(await authenticate(site.clientId, key), 'client_keys');
    expect(sent).toBeLessThan(20_000_000);
  });

  it('K4: a hundred thousand keys are not read, and neither are a hundred and one', async () => {
    const key = await newKey('ES256');
    for (const count of [100_000, 101]) {
      const site = await publisher(key);
      site.set(() => Response.json({ keys: Array.from({ length: count }, () => key.jwk) }));
      const response = await post(server, '/token', {
        ...nothing,
        ...(await assertion(site.clientId, key)),
      });
      await expectRefused(response, 'client_keys');
    }
  });

  it.each([
    ['a private key', async (key: ClientKey) => [key.jwk, await exportJWK(key.privateKey)], /private key/],
    ['a shared secret', async (key: ClientKey) => [key.jwk, { kty: 'oct', k: 'AA' }], /shared secret/],
    ['nothing', async () => [], /no keys/],
  ] as const)(
    'K5: with %s it is no key set, and the good key in it verifies nothing',
    async (_, keys, why) => {
      const key = await newKey();
      const site = await publisher(key);
      const published = await keys(key);
      site.set(() => Response.json({ keys: published }));
      await expectRefused(await authenticate(site.clientId, key), 'client_keys', why);
    },
  );

  it.each([
    ['HTML', () => new Response('<p>', { headers: { 'content-type': 'text/html' } })],
    ['half an object', () => new Response('{"keys":[', { headers: json })],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://keys.example/' } })],
  ])('is refused as %s', async (_what, answer) => {
    const key = await newKey();
    const site = await publisher(key);
    site.set(answer);
    await expectRefused(await authenticate(site.clientId, key), 'client_keys');
  });

  it.each([
    ['a private address', [{ address: '10.0.0.8', family: 4 }]],
    ['the metadata of a cloud', [{ address: '169.254.169.254', family: 4 }]],
    [
      'loopback beside a public one',
      [
        { address: '93.184.215.14', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
    ],
  ] as const)('L4: a jwks_uri that leads to %s is never connected to', async (_what, addresses) => {
    const key = await newKey();
    const { clientId, url, fetches } = await publisher(key);
    web.name(new URL(url).hostname, () => addresses);
    const before = web.dialled.length;
    await expectRefused(await authenticate(clientId, key), 'client_keys', /"address_forbidden"/);
    expect(web.dialled.slice(before)).toEqual([]);
    expect(web.strays()).toBe(0);
    expect(fetches()).toBe(0);
  });

  it('L4: for a client that presents no assertion, or none that a key could verify, nothing is fetched', async () => {
    const key = await newKey();
    const { clientId, fetches } = await publisher(key);
    const { client_assertion } = await assertion(clientId, key);
    const [, payload] = client_assertion.split('.');
    const header = Buffer.from('{"alg":"none"}').toString('base64url');
    await expectRefused(await post(server, '/token', { ...nothing, client_id: clientId }), 'method');
    await expectRefused(
      await post(server, '/token', {
        ...nothing,
        client_assertion_type: JWT_BEARER,
        client_assertion: `${header}.${payload}.`,
      }),
      'assertion_algorithm',
    );
    expect(fetches()).toBe(0);
  });
});
