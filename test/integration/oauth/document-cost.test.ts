import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setRule } from '../../../src/domain/admission/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { createAgent } from '../../support/agent.ts';
import { assertionOf, type ClientKey, newClientKey } from '../../support/assertion.ts';
import { addPerson, obtainCode, type Person, signedIn, type TokenResponse } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import { type Statement, statementsDuring } from '../../support/statements.ts';
import { type Params, redeem, refresh } from '../../support/token-requests.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

const REDIRECT = 'https://app.example/cb';
const REDEEM = ['present-code', 'redeem-code'];
const ROTATE = ['present-refresh-token', 'rotate-refresh-token'];
const REPLAY = ['present-refresh-token', 'repeat-refresh-token'];
/** What an assertion costs every client: it is good once. */
const withAssertion = ([present = '', ...rest]: readonly string[]) => [present, 'use-identifier', ...rest];

let web: TestWeb;
/** Names that were asked of DNS, and addresses that were dialled. */
const outbound: string[] = [];

beforeAll(async () => {
  web = await startTestWeb();
});
afterAll(() => web.stop());

async function startObserved(documents: string): Promise<TestServer> {
  return startTestServer(
    { GATEHOUSE_METADATA_DOCUMENTS: documents },
    {
      outbound: {
        ca: web.outbound.ca,
        resolve: (hostname, signal) => {
          outbound.push(hostname);
          return web.outbound.resolve(hostname, signal);
        },
        dial: (target) => {
          outbound.push(target.address);
          return web.outbound.dial(target);
        },
      },
    },
  );
}

let published = 0;
function publish(more: Readonly<Record<string, unknown>> = {}): string {
  published += 1;
  const url = `https://app${published}.example/client.json`;
  const document = {
    client_id: url,
    client_name: 'Some App',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    ...more,
  };
  // As short-lived as can be: a token request that minded would have to fetch.
  web.publish(url, () => Response.json(document, { headers: { 'cache-control': 'no-store' } }));
  return url;
}

interface Cost {
  readonly statements: readonly Statement[];
  readonly outbound: readonly string[];
  readonly body: TokenResponse['body'];
}

/** What a token request, which has to succeed, asks of the database and of the network. */
async function costOf(request: () => Promise<TokenResponse>): Promise<Cost> {
  const before = outbound.length;
  const { value, statements } = await statementsDuring(request);
  expect({ status: value.status, error: value.body.error }).toEqual({ status: 200, error: undefined });
  return { statements, outbound: outbound.slice(before), body: value.body };
}

const namesOf = ({ statements }: Cost) => statements.map(({ name }) => name);

/** A whole life of a connection at the token endpoint: its code, a refresh, and that refresh again. */
async function connection(
  server: TestServer,
  person: Person,
  clientId: string,
  proof: () => Promise<Params> = async () => ({}),
): Promise<readonly Cost[]> {
  const agent = createAgent();
  await signedIn(server, agent, person);
  const code = await obtainCode(server, agent, clientId, { redirect_uri: REDIRECT });
  const redeeming = { redirect_uri: REDIRECT, ...(await proof()) };
  const redeemed = await costOf(() => redeem(server, clientId, code, redeeming));
  const again = async () => {
    const params = await proof();
    return costOf(() => refresh(server, clientId, redeemed.body.refresh_token, params));
  };
  return [redeemed, await again(), await again()];
}

describe.each(['open', 'allowlist'])('a known client with a metadata document, where they are %s', (mode) => {
  let server: TestServer;
  let person: Person;
  /** Pre-registered, public, and the first that uses this server: what is made once for everybody is not counted again. */
  let registered: string;

  beforeAll(async () => {
    server = await startObserved(mode);
    person = await addPerson(server);
    registered = (await addTestClient(server, { redirectUris: [REDIRECT] })).clientId;
    await connection(server, person, registered);
  });
  afterAll(() => server.stop());

  async function known(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const url = publish(more);
    if (mode === 'allowlist') {
      await setRule(
        server.database.prisma,
        { tenantId: DEFAULT_TENANT, pattern: url, trust: 'known' },
        cause,
      );
    }
    return url;
  }

  it('asks the database at the token endpoint for exactly what a pre-registered one does, and the network for nothing', async () => {
    const plain = await connection(server, person, registered);
    const costs = await connection(server, person, await known());
    expect(costs.map(namesOf)).toEqual([REDEEM, ROTATE, REPLAY]);
    expect(costs.map(namesOf)).toEqual(plain.map(namesOf));
    expect(costs.map((cost) => cost.outbound)).toEqual([[], [], []]);
  });

  it('neither looks for its document there, nor misses it when it is gone from everywhere', async () => {
    const clientId = await known();
    const agent = createAgent();
    await signedIn(server, agent, person);
    const code = await obtainCode(server, agent, clientId, { redirect_uri: REDIRECT });
    await server.database.pool.query('DELETE FROM web_copies');
    web.publish(clientId, () => new Response('gone', { status: 410 }));
    const redeemed = await costOf(() => redeem(server, clientId, code, { redirect_uri: REDIRECT }));
    const refreshed = await costOf(() => refresh(server, clientId, redeemed.body.refresh_token));
    expect([redeemed, refreshed].map(namesOf)).toEqual([REDEEM, ROTATE]);
    expect([redeemed, refreshed].map((cost) => cost.outbound)).toEqual([[], []]);
  });

  describe('that signs', () => {
    let key: ClientKey;
    beforeAll(async () => {
      key = await newClientKey();
    });
    const signing = { token_endpoint_auth_method: 'private_key_jwt' };
    const proofOf = (clientId: string) => () => assertionOf(server, { clientId, key });

    it('has its keys at hand when they stand in the document', async () => {
      const clientId = await known({ ...signing, jwks: { keys: [key.jwk] } });
      const costs = await connection(server, person, clientId, proofOf(clientId));
      expect(costs.map(namesOf)).toEqual([REDEEM, ROTATE, REPLAY].map(withAssertion));
      expect(costs.map((cost) => cost.outbound)).toEqual([[], [], []]);
    });

    it('is asked for the keys at its jwks_uri once', async () => {
      const jwksUri = `https://keys.example/${crypto.randomUUID()}`;
      web.publish(jwksUri, () => Response.json({ keys: [key.jwk] }));
      const clientId = await known({ ...signing, jwks_uri: jwksUri });
      const [first] = await connection(server, person, clientId, proofOf(clientId));
      expect(first?.outbound).toEqual(['keys.example', '93.184.215.14']);
      const costs = await connection(server, person, clientId, proofOf(clientId));
      expect(costs.map(namesOf)).toEqual([REDEEM, ROTATE, REPLAY].map(withAssertion));
      expect(costs.map((cost) => cost.outbound)).toEqual([[], [], []]);
    });
  });

  it('is found by indexes, with all that it is held to', async () => {
    const costs = await connection(server, person, await known());
    for (const { text, values } of costs.flatMap(({ statements }) => statements)) {
      const plan = await planOf(server, { text, values });
      const whole = [...plan.matchAll(/Seq Scan on (\w+)/g)].map(([, table]) => table);
      // The one that has one row.
      expect(whole.filter((table) => table !== 'installation')).toEqual([]);
    }
  });
});

/** The plan of a statement where reading a whole table is the last resort, as it is when there are many rows. */
async function planOf(
  { database }: TestServer,
  { text, values }: Pick<Statement, 'text' | 'values'>,
): Promise<string> {
  const session = await database.pool.connect();
  try {
    await session.query('BEGIN');
    await session.query('SET LOCAL enable_seqscan = off');
    const { rows } = await session.query<Record<'QUERY PLAN', string>>(`EXPLAIN ${text}`, [...values]);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  } finally {
    await session.query('ROLLBACK');
    session.release();
  }
}
