import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { setRule } from '../../src/domain/admission/index.ts';
import { createRegistrationToken, revokeRegistrationToken } from '../../src/domain/clients/index.ts';
import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import { type Agent, createAgent } from '../support/agent.ts';
import { addKeyClient, assertionOf } from '../support/assertion.ts';
import { authorizeUrl, CALLBACK, obtainCode, pkce } from '../support/flow.ts';
import { manage, register } from '../support/registration.ts';
import { addTestClient, cause, FILES, startTestServer, type TestServer } from '../support/server.ts';
import { type Connected, connected, freshTokens, refresh, type Tokens } from '../support/token-requests.ts';
import { bytesOf, type Draft } from './draft.ts';
import { goodRequests } from './grammar.ts';
import { INJECTED, mutate } from './mutate.ts';
import { createRandom } from './random.ts';
import { type Answer, sendBytes } from './send.ts';

const SEED = Number(process.env['GATEHOUSE_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const REQUESTS = Number(process.env['GATEHOUSE_FUZZ_REQUESTS'] ?? 10_000);
/** The heap is looked at for the first time when every path has been taken. */
const WARM_UP = Math.min(2_000, Math.floor(REQUESTS / 4));
const CONCURRENCY = 12;
/** Milliseconds until a request without an end counts as hanging; above the slowest of a busy machine. */
const PATIENCE = 20_000;
const MAX_INTERACTIONS = 500;
const MAX_CLIENT_REQUESTS = 5;
/** Let in, and fetched; every other client with a document waits for an administrator. */
const LET_IN = 'https://app.example/client.json';
const AWAITED = 'https://awaited.example/client.json';
/** It ends early when there is enough to look at. */
const MAX_FOUND = 20;
const MAX_GROWTH = 48 * 1024 * 1024;

/** Where only programs come, as long as the path is spelled like this. */
const FOR_PROGRAMS =
  /^\/(?:token|revoke|introspect|register(?:\/[\w-]+)?|jwks|healthz|\.well-known\/[a-z-]+)$/;
const SECURITY_HEADERS = [
  'content-security-policy',
  'x-frame-options',
  'x-content-type-options',
  'referrer-policy',
  'permissions-policy',
  'x-request-id',
];

let server: TestServer;
let port: number;
let host: string;
let ada: Connected;
let untouched: Tokens;
/** A client that registered itself, and to which strangers come. */
let guarded: { readonly id: string; readonly token: string };
let goods: readonly (() => Draft)[];

beforeAll(async () => {
  server = await startTestServer(
    {
      GATEHOUSE_MAX_INTERACTIONS: String(MAX_INTERACTIONS),
      DATABASE_POOL_SIZE: '8',
      GATEHOUSE_METADATA_DOCUMENTS: 'review',
      GATEHOUSE_MAX_CLIENT_REQUESTS_PERSON: String(MAX_CLIENT_REQUESTS),
    },
    // Whatever a request names, nothing is asked outside.
    {
      fetch: async () => new Response('{"client_id":1}', { headers: { 'content-type': 'application/json' } }),
    },
  );
  await setRule(server.database.prisma, { tenantId: DEFAULT_TENANT, pattern: LET_IN }, cause);
  ({ host } = new URL(server.issuer));
  port = Number(host.split(':')[1]);
  ada = await connected(server);
  untouched = await freshTokens(server, ada);
  goods = await prepare();
}, 60_000);
afterAll(() => server.stop());

const cookiesOf = (agent: Agent) =>
  agent
    .cookies()
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');

async function prepare(): Promise<readonly (() => Draft)[]> {
  const tokens = [await freshTokens(server, ada), await freshTokens(server, ada)];
  const code = await obtainCode(server, ada.agent, ada.clientId);
  const confidential = await addTestClient(server, { authMethod: 'client_secret_basic' });
  const challenge = pkce().challenge;
  const waiting = await ada.agent.get(
    authorizeUrl(server, { client_id: ada.clientId, code_challenge: challenge }),
  );
  const stranger = createAgent();
  const signIn = await stranger.get(`${server.issuer}/sign-in`);
  const signOut = await ada.agent.get(`${server.issuer}/sign-out`);
  const csrf = ({ form }: typeof signIn) => form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
  const asking = await ada.agent.get(
    `${server.issuer}/client-request?client=${encodeURIComponent(AWAITED)}&resource=${encodeURIComponent(FILES)}`,
  );
  const registered = async () => {
    const { body } = await register(server);
    return { id: body.client_id, token: body.registration_access_token };
  };
  guarded = await registered();
  const keyClient = await addKeyClient(server);
  const assertions = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const exp = Math.floor(Date.now() / 1000) + 3_500;
      return (await assertionOf(server, keyClient, { claims: { exp } })).client_assertion;
    }),
  );
  return goodRequests({
    publicClient: ada.clientId,
    confidential: { id: confidential.clientId, secret: confidential.clientSecret ?? '' },
    resource: FILES,
    redirectUri: CALLBACK,
    challenge,
    accessTokens: tokens.map(({ accessToken }) => accessToken),
    refreshTokens: tokens.map(({ refreshToken }) => refreshToken),
    codes: [code.code],
    stranger: { cookie: cookiesOf(stranger), csrf: csrf(signIn) },
    session: { cookie: cookiesOf(ada.agent), csrf: csrf(signOut) },
    waiting: {
      path: new URL(waiting.url).pathname,
      cookie: cookiesOf(ada.agent),
      form: Object.fromEntries(waiting.form?.fields ?? []),
    },
    email: ada.person.email,
    registered: {
      own: await registered(),
      other: await registered(),
      ended: await registered(),
      guarded,
    },
    registrationTokens: await registrationTokens(),
    keyClient: { id: keyClient.clientId, assertions },
    awaited: AWAITED,
    asking: { cookie: cookiesOf(ada.agent), csrf: csrf(asking) },
  });
}

/** One that is good for as many uses as there may be, and one that was revoked. */
async function registrationTokens(): Promise<readonly string[]> {
  const { prisma } = server.database;
  const token = { tenantId: DEFAULT_TENANT, trust: 'known', uses: 1_000, lifetime: 3_600 } as const;
  const good = await createRegistrationToken(prisma, token, cause);
  const revoked = await createRegistrationToken(prisma, token, cause);
  await revokeRegistrationToken(prisma, revoked.id, cause);
  return [good.token, revoked.token];
}

/** What is wrong with an answer. */
function faultsOf(draft: Draft, answer: Answer | undefined): readonly string[] {
  if (answer === undefined) return draft.incomplete || draft.wild ? [] : ['closed without an answer'];
  const { status, headers, body } = answer;
  const faults = SECURITY_HEADERS.filter((name) => !headers.has(name)).map((name) => `no ${name}`);
  if (status >= 500) faults.push(`status ${status}`);
  if (headers.has(INJECTED)) faults.push('a header was injected');
  if (/node_modules|\.ts:\d+| {4}at /.test(body)) faults.push('it tells where it failed');
  if (body !== '' && FOR_PROGRAMS.test(draft.path)) {
    const isJson = /^application\/(?:[\w.-]+\+)?json/.test(headers.get('content-type') ?? '');
    if (!isJson || !parses(body)) faults.push(`no JSON: ${headers.get('content-type')}`);
  }
  return faults;
}

function parses(body: string): boolean {
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}

const found: string[] = [];

/** The request of that number: the same for the same seed, but for the tokens in it. */
function requestOf(number: number): Draft {
  const random = createRandom(SEED, number);
  return mutate(random.pick(goods)(), random);
}

/** What was answered. */
async function send(from: number, to: number): Promise<ReadonlySet<number>> {
  const statuses = new Set<number>();
  let next = from;
  const sender = async () => {
    while (next < to && found.length < MAX_FOUND) {
      const number = next;
      next += 1;
      const draft = requestOf(number);
      const bytes = bytesOf(draft, host);
      const hangUp = draft.incomplete || draft.wild;
      const faults = await sendBytes(port, bytes, { hangUp, timeout: PATIENCE }).then(
        (answer) => {
          if (answer) statuses.add(answer.status);
          return faultsOf(draft, answer);
        },
        (error: Error) => [error.message],
      );
      if (faults.length > 0) {
        const shown = bytes.toString().slice(0, 600);
        found.push(`GATEHOUSE_FUZZ_SEED=${SEED}, request ${number}: ${faults.join(', ')}\n${shown}`);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, sender));
  return statuses;
}

/** Bytes in use, after what can be let go was let go. */
async function heapUsed(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().heapUsed;
}

/** No request of anybody here makes or ends one of these. */
const KEPT = ['users', 'passkeys', 'resources', 'signing_keys', 'registration_tokens', 'client_rules'];

async function rows(): Promise<Readonly<Record<string, number>>> {
  const tables = [...KEPT, 'interactions', 'client_requests'];
  const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join(', ');
  return (await server.database.pool.query(`SELECT ${counts}`)).rows[0];
}

it(
  `L2, X1, X4, X5, X7: ${REQUESTS} requests that are nearly right (seed ${SEED}) fail nothing, hang nothing and leave nothing`,
  async () => {
    const before = await rows();
    const registration = () => manage(`${server.issuer}/register/${guarded.id}`, 'GET', guarded.token);
    const registered = await registration();
    expect(registered.status).toBe(200);
    const first = await send(0, WARM_UP);
    const heap = await heapUsed();
    const statuses = new Set([...first, ...(await send(WARM_UP, REQUESTS))]);
    expect(found).toEqual([]);

    expect((await heapUsed()) - heap).toBeLessThan(MAX_GROWTH);
    const after = await rows();
    for (const table of KEPT) expect([table, after[table]]).toEqual([table, before[table]]);
    expect(after['interactions']).toBeLessThanOrEqual(MAX_INTERACTIONS + CONCURRENCY);
    expect(after['client_requests']).toBeLessThanOrEqual(MAX_CLIENT_REQUESTS);
    // Good ones were among them: without, nothing was tested beyond the door.
    expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 204, 303, 400, 401, 404]));
    expect((await refresh(server, ada.clientId, untouched.refreshToken)).status).toBe(200);
    expect(await registration()).toMatchObject({ status: 200, body: registered.body });
  },
  Math.max(120_000, REQUESTS * 60),
);
