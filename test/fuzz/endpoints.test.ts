import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { type Agent, createAgent } from '../support/agent.ts';
import { authorizeUrl, CALLBACK, obtainCode, pkce } from '../support/flow.ts';
import { addTestClient, FILES, startTestServer, type TestServer } from '../support/server.ts';
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
/** It ends early when there is enough to look at. */
const MAX_FOUND = 20;
const MAX_GROWTH = 48 * 1024 * 1024;

/** Where only programs come, as long as the path is spelled like this. */
const FOR_PROGRAMS = /^\/(?:token|revoke|introspect|register|jwks|healthz|\.well-known\/[a-z-]+)$/;
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
let goods: readonly (() => Draft)[];

beforeAll(async () => {
  server = await startTestServer(
    { GATEHOUSE_MAX_INTERACTIONS: String(MAX_INTERACTIONS), DATABASE_POOL_SIZE: '8' },
    // Whatever a request names, nothing is asked outside.
    {
      fetch: async () => new Response('{"client_id":1}', { headers: { 'content-type': 'application/json' } }),
    },
  );
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
  });
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

async function send(from: number, to: number): Promise<ReadonlyMap<number, number>> {
  const statuses = new Map<number, number>();
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
          statuses.set(answer?.status ?? 0, (statuses.get(answer?.status ?? 0) ?? 0) + 1);
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

async function rows(): Promise<Readonly<Record<string, number>>> {
  const tables = ['users', 'passkeys', 'resources', 'signing_keys', 'interactions', 'clients', 'grants'];
  const counts = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`).join(', ');
  return (await server.database.pool.query(`SELECT ${counts}`)).rows[0];
}

it(
  `X1, X4, X5, X7: ${REQUESTS} requests that are nearly right (seed ${SEED}) fail nothing, hang nothing and leave nothing`,
  async () => {
    const before = await rows();
    await send(0, WARM_UP);
    const heap = await heapUsed();
    const statuses = await send(WARM_UP, REQUESTS);
    expect(found).toEqual([]);

    expect((await heapUsed()) - heap).toBeLessThan(MAX_GROWTH);
    const after = await rows();
    const kept = ['users', 'passkeys', 'resources', 'signing_keys'] as const;
    for (const table of kept) expect([table, after[table]]).toEqual([table, before[table]]);
    expect(after['interactions']).toBeLessThanOrEqual(MAX_INTERACTIONS + CONCURRENCY);
    // Good ones were among them: without, nothing was tested beyond the door.
    for (const status of [200, 201, 303, 400, 401, 404]) expect(statuses.get(status)).toBeGreaterThan(0);
    expect((await refresh(server, ada.clientId, untouched.refreshToken)).status).toBe(200);
  },
  Math.max(120_000, REQUESTS * 60),
);
