import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Attempt, findAttempts, type TraceSubject } from '../../../src/domain/audit/index.ts';
import { flowId } from '../../../src/kernel/ids.ts';
import { type Agent, askedScopes, createAgent, type Page } from '../../support/agent.ts';
import { requestQuery } from '../../support/authorization.ts';
import { runCli } from '../../support/cli.ts';
import {
  addPerson,
  allow,
  authorizeUrl,
  basic,
  CALLBACK,
  connect,
  type Person,
  pkce,
  post,
  signedIn,
} from '../../support/flow.ts';
import { addTestClient, FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { walk } from '../../support/walk.ts';

let server: TestServer;
let person: Person;

beforeAll(async () => {
  server = await startTestServer();
  person = await addPerson(server);
});
afterAll(() => server.stop());

const PATIENCE = { interaction: 600, code: 60 };
const LATER = 3_600_000;

/** What the trail tells of a subject, now or after some milliseconds. */
function attemptsOf(subject: TraceSubject, after = 0): Promise<readonly Attempt[]> {
  const now = new Date(Date.now() + after);
  return findAttempts(server.database.prisma, subject, {
    since: new Date(Date.now() - LATER),
    patience: PATIENCE,
    now,
  });
}

async function onlyAttempt(subject: TraceSubject, after = 0): Promise<Attempt> {
  const [attempt, ...others] = await attemptsOf(subject, after);
  if (!attempt || others.length > 0) throw new Error(`${others.length + (attempt ? 1 : 0)} attempts`);
  return attempt;
}

/** `authorize passed`, `sign_in stopped: wrong_code` … without what comes before and after. */
const told = ({ stages }: Attempt) =>
  stages
    .filter(({ state }) => state !== 'not_recorded' && state !== 'not_reached')
    .map(({ stage, state, reason }) => `${stage} ${state}${reason ? `: ${reason}` : ''}`);

/** A client of its own for each story, and a browser. */
async function newStory(more: Parameters<typeof addTestClient>[1] = {}) {
  const { clientId, clientSecret } = await addTestClient(server, more);
  const { verifier, challenge } = pkce();
  const start = authorizeUrl(server, { client_id: clientId, code_challenge: challenge });
  return { clientId, clientSecret, verifier, challenge, start, agent: createAgent() };
}

const REGISTERED = 'registration passed';
/** In the exact form of a client_id. */
const UNKNOWN_CLIENT = 'cli_AAAAAAAAAAAAAAAAAAAAAA';

describe('an attempt', () => {
  it('that ends at the authorization endpoint is found by the request id of its page', async () => {
    const page = await createAgent().get(`${server.issuer}/authorize?${requestQuery(UNKNOWN_CLIENT)}`);
    const requestId = page.headers.get('x-request-id') ?? '';
    expect(page.html).toContain(`npm run -s gatehouse -- trace ${requestId}`);
    const attempt = await onlyAttempt({ requestId });
    expect(told(attempt)).toEqual(['authorize stopped: unknown_client']);
    expect(attempt.stopped).toMatchObject({ stage: 'authorize', reason: 'unknown_client' });
    expect(attempt).toMatchObject({ client: UNKNOWN_CLIENT, network: '127.0.0.1' });
    expect(attempt).not.toHaveProperty('flow');
  });

  it('that ends at its redirect is found by its client', async () => {
    const { clientId, agent } = await newStory();
    const query = requestQuery(clientId, { redirect_uri: 'https://me:pw@elsewhere.example/cb?key=k' });
    await agent.get(`${server.issuer}/authorize?${query}`);
    const attempt = await onlyAttempt({ client: clientId });
    expect(told(attempt)).toEqual([REGISTERED, 'authorize stopped: redirect_uri']);
    // Where it leads, for whoever has to register it, and nothing that it carries.
    expect(attempt.stopped).toMatchObject({ why: 'https://elsewhere.example/cb' });
  });

  it('that waits for somebody to sign in waits, and has ended when it is too late', async () => {
    const { clientId, agent, start } = await newStory();
    await agent.get(start);
    const waiting = await onlyAttempt({ client: clientId });
    expect(told(waiting)).toEqual([REGISTERED, 'authorize passed', 'sign_in waiting']);
    expect(waiting).not.toHaveProperty('stopped');
    expect(waiting).toMatchObject({
      flow: expect.stringMatching(/^flw_[\w-]{22}$/),
      resource: FILES,
      redirect_host: new URL(CALLBACK).host,
    });
    expect(told(await onlyAttempt({ client: clientId }, LATER))).toEqual([
      REGISTERED,
      'authorize passed',
      'sign_in stopped: left',
    ]);
  });

  it('that ends at a wrong one-time code says so, and goes on when the next is right', async () => {
    const { clientId, agent, start } = await newStory();
    const stubborn = await addPerson(server);
    await expect(walk(agent, start, stubborn, { code: '000000' })).rejects.toThrow();
    const refused = await onlyAttempt({ client: clientId });
    expect(told(refused)).toEqual([
      REGISTERED,
      'authorize passed',
      expect.stringMatching(/^sign_in stopped: /),
    ]);
    await walk(agent, start, stubborn);
    const [first, second] = await attemptsOf({ client: clientId });
    expect(first && told(first).at(-1)).toMatch(/^sign_in stopped/);
    expect(second && told(second)).toContain('callback passed');
  });

  it('that waits at consent says that somebody was signed in', async () => {
    const { clientId, agent, start } = await newStory();
    await signedIn(server, agent, person);
    await agent.get(start);
    expect(told(await onlyAttempt({ client: clientId }, LATER))).toEqual([
      REGISTERED,
      'authorize passed',
      'sign_in passed: signed_in_already',
      'consent stopped: left',
    ]);
  });

  it('that is denied is one whole story, from the sign-in to the answer', async () => {
    const { clientId, agent, start } = await newStory();
    const somebody = await addPerson(server);
    await walk(agent, start, somebody, { deny: true });
    const attempt = await onlyAttempt({ client: clientId });
    expect(told(attempt)).toEqual([
      REGISTERED,
      'authorize passed',
      'sign_in passed',
      'consent stopped: denied_by_user',
    ]);
    expect(attempt.subject).toBe(somebody.id);
  });

  it('whose code nobody fetches says that the client never came', async () => {
    const { clientId, agent, start } = await newStory();
    await walk(agent, start, await addPerson(server));
    expect(told(await onlyAttempt({ client: clientId }))).toEqual([
      REGISTERED,
      'authorize passed',
      'sign_in passed',
      'consent passed',
      'callback passed',
      'token waiting',
    ]);
    const late = await onlyAttempt({ client: clientId }, LATER);
    expect(late.stopped).toMatchObject({ stage: 'token', reason: 'never_came' });
  });

  it('whose code is refused says why', async () => {
    const { clientId, agent, start } = await newStory();
    const callback = await walk(agent, start, await addPerson(server));
    await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: callback.searchParams.get('code') ?? '',
      code_verifier: pkce().verifier,
    });
    const attempt = await onlyAttempt({ client: clientId });
    expect(told(attempt).slice(-2)).toEqual(['callback passed', 'token stopped: pkce_mismatch']);
    // The same by its grant, and by its name.
    expect(await onlyAttempt({ grant: attempt.grant ?? '' })).toEqual(attempt);
    expect(await onlyAttempt({ flow: attempt.flow ?? '' })).toMatchObject({
      stages: expect.arrayContaining([expect.objectContaining({ stage: 'token', state: 'stopped' })]),
    });
  });

  it('whose client does not prove itself is told beside its code', async () => {
    const { clientId, agent, start } = await newStory({ authMethod: 'client_secret_basic' });
    const callback = await walk(agent, start, await addPerson(server));
    const code = callback.searchParams.get('code') ?? '';
    await post(
      server,
      '/token',
      { grant_type: 'authorization_code', code },
      basic(clientId, 'a wrong secret'),
    );
    const attempt = await onlyAttempt({ client: clientId });
    expect(attempt.stopped).toMatchObject({
      stage: 'token',
      reason: expect.stringMatching(/secret|invalid_client/),
    });
  });

  it('that leads to a token and a refresh is told to the end', async () => {
    const { clientId, agent } = await newStory();
    await signedIn(server, agent, person);
    const tokens = await connect(server, agent, clientId);
    expect(told(await onlyAttempt({ client: clientId }))).toEqual([
      REGISTERED,
      'authorize passed',
      'sign_in passed: signed_in_already',
      'consent passed',
      'callback passed',
      'token passed',
    ]);
    await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token ?? '',
    });
    expect(told(await onlyAttempt({ client: clientId })).at(-1)).toBe('first_call passed');
  });

  it('whose code was presented twice was connected, and has ended', async () => {
    const { clientId, agent, start, verifier } = await newStory();
    const callback = await walk(agent, start, await addPerson(server));
    const redeem = () =>
      post(server, '/token', {
        grant_type: 'authorization_code',
        client_id: clientId,
        code: callback.searchParams.get('code') ?? '',
        code_verifier: verifier,
      });
    await redeem();
    await redeem();
    const attempt = await onlyAttempt({ client: clientId });
    expect(attempt.ended).toMatchObject({ event: 'code.reused' });
    expect(attempt).not.toHaveProperty('stopped');
  });

  it('of a client that is not asked about again is told by its grant', async () => {
    const { clientId, agent, challenge } = await newStory({
      trust: 'first_party',
      redirectUris: ['https://portal.example/cb'],
    });
    await signedIn(server, agent, person);
    await agent.get(
      authorizeUrl(server, {
        client_id: clientId,
        code_challenge: challenge,
        redirect_uri: 'https://portal.example/cb',
      }),
    );
    const attempt = await onlyAttempt({ client: clientId });
    expect(told(attempt)).toEqual([
      REGISTERED,
      'authorize passed',
      'sign_in passed: signed_in_already',
      'consent passed: not_asked',
      'callback passed',
      'token waiting',
    ]);
    expect(attempt).not.toHaveProperty('flow');
    expect(attempt.grant).toMatch(/^grt_/);
  });

  it('that goes on under another name, because somebody else is there now, is one attempt', async () => {
    const { clientId, start } = await newStory();
    const agent = createAgent({ follow: false });
    await signedIn(server, agent, person);
    const begun = await agent.get(start);
    const consent = await agent.get(begun.location ?? '');
    const answered = await agent.submit(consent, {
      scope: askedScopes(consent),
      decision: 'allow',
    });
    const somebodyElse = await addPerson(server);
    await signedIn(server, agent, somebodyElse);
    const again = await agent.get(answered.location ?? '');
    expect(again.location).toMatch(/\/interaction\//);
    const [first, second] = [begun, again].map(({ location }) => flowId(location?.split('/').at(-1) ?? ''));
    const attempt = await onlyAttempt({ client: clientId });
    expect(attempt.flow).toBe(first);
    await allow(await following(agent), await agent.get(again.location ?? ''));
    for (const flow of [first, second]) {
      expect(told(await onlyAttempt({ flow: flow ?? '' }))).toContain('callback passed');
    }
  });
});

/** The same browser, which follows redirects now. */
async function following(agent: Agent): Promise<Agent> {
  const other = createAgent();
  for (const cookie of agent.cookies()) other.setCookie(cookie);
  return other;
}

describe('two attempts', () => {
  it('of one client, in two browsers, are two', async () => {
    const { clientId, start } = await newStory();
    const pages: Page[] = [];
    for (const agent of [createAgent(), createAgent()]) {
      await signedIn(server, agent, person);
      pages.push(await agent.get(start));
      if (pages.length === 2) await allow(agent, pages[1] as Page);
    }
    const [first, second] = await attemptsOf({ client: clientId });
    expect(first && told(first).at(-1)).toBe('consent waiting');
    expect(second && told(second)).toContain('callback passed');
  });

  it('of two clients, from one network, are both told of that network, with a registration that was refused', async () => {
    const refused = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['http://elsewhere.example/cb'] }),
    });
    const ofNetwork = await attemptsOf({ network: '127.0.0.1' });
    const stopped = ofNetwork.find(({ request_id: id }) => id === refused.headers.get('x-request-id'));
    expect(stopped?.stopped).toMatchObject({ stage: 'registration', reason: 'redirect_http' });
    expect(new Set(ofNetwork.map(({ client }) => client)).size).toBeGreaterThan(5);
    expect(await attemptsOf({ network: '192.0.2.1' })).toEqual([]);
  });
});

describe('gatehouse trace', () => {
  const run = (args: readonly string[]) => runCli(['trace', ...args], { cwd: '/', env: server.environment });

  it('says how far it came and what stopped it, and no secret', async () => {
    const { clientId, agent, start, verifier, challenge } = await newStory();
    const callback = await walk(agent, start, await addPerson(server), { deny: true });
    const text = await run([clientId, '--since', '10m']);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/passed +sign-in/);
    expect(text.stdout).toMatch(/STOPPED +consent/);
    expect(text.stdout).toContain('It stopped at consent: the person said no.');

    const json = await run([clientId, '--json']);
    const [attempt] = json.json<{ attempts: Attempt[] }>().attempts;
    expect(attempt).toMatchObject({
      client: clientId,
      stopped: { stage: 'consent', reason: 'denied_by_user' },
    });
    for (const secret of [verifier, challenge, callback.searchParams.get('state'), ...cookiesOf(agent)]) {
      expect(text.stdout + json.stdout).not.toContain(secret);
    }
  });

  it('NEW-16: finds the attempts of a user by e-mail address and by id', async () => {
    const grace = await addPerson(server);
    const { clientId, agent, start } = await newStory();
    await walk(agent, start, grace, { deny: true });
    const other = await newStory();
    await walk(other.agent, other.start, person, { deny: true });
    for (const name of [grace.email, grace.id]) {
      const { attempts } = (await run([name, '--json'])).json<{ attempts: Attempt[] }>();
      expect(attempts.map(({ client }) => client).filter(Boolean)).toEqual([clientId]);
    }
    const unknown = await run(['unknown@example.com']);
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringContaining('npm run -s gatehouse -- user list'),
    ]);
  });

  it('is refused in words where nothing is recorded, and where nothing can be', async () => {
    const nobody = await run(['cli_never-seen']);
    expect([nobody.code, nobody.stderr]).toEqual([
      1,
      expect.stringContaining('npm run -s gatehouse -- doctor'),
    ]);
    const counted = await run(['req_never-seen']);
    expect([counted.code, counted.stderr]).toEqual([1, expect.stringContaining('trace the network address')]);
    const unknown = await run(['Claude']);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('names nothing that can be traced'),
    ]);
    expect((await run(['cli_x', '--since', 'yesterday'])).code).toBe(2);
  });
});

function cookiesOf(agent: Agent): readonly string[] {
  return agent.cookies().map(({ value }) => value.split('.')[0] ?? value);
}
