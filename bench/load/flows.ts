import { createHash, randomBytes } from 'node:crypto';

import { askedScopes, createAgent } from '../../test/support/agent.ts';
import { totpCode } from '../../test/support/totp.ts';

import { createHttpClient } from './http-client.ts';
import type { Address, Expectation, Person, RequestTemplate, Work } from './protocol.ts';

/** Does one operation; rejects when an answer is not what it has to be. */
export type Operation = () => Promise<void>;

/** Makes the operation of a work. Call it as often, and as often at once, as wanted. */
export function createOperation(address: Address, work: Work): { run: Operation; close(): void } {
  switch (work.kind) {
    case 'requests':
      return requests(address, work.requests, work.expect);
    case 'refresh':
      return refreshes(address, work);
    case 'sign-in':
      return withPeople(work.people, (person) => signIn(address, person));
    case 'pages':
      return withPeople(work.people, (person) => pages(address, person));
    case 'first-login':
      return withPeople(work.people, (person) => firstLogin(address, work, person));
  }
}

function requests(address: Address, templates: readonly RequestTemplate[], expect: Expectation) {
  const client = createHttpClient(address);
  const all = templates.map((template) => bytesOf(address, template));
  let at = 0;
  return {
    close: () => client.close(),
    async run() {
      const request = all[at++ % all.length] as Buffer;
      const { status, head, body } = await client.send(request);
      const { contains } = expect;
      const fits =
        status === expect.status &&
        (contains === undefined || body.includes(contains) || head.includes(contains));
      if (!fits) throw new Error(`${status} ${head.slice(0, 400)} ${body.slice(0, 400)}`);
    },
  };
}

function refreshes(address: Address, { path, form, tokens }: Extract<Work, { kind: 'refresh' }>) {
  const client = createHttpClient(address);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const prefix = `${new URLSearchParams({ grant_type: 'refresh_token', ...form })}&refresh_token=`;
  const free = [...tokens];
  return {
    close: () => client.close(),
    async run() {
      const token = free.shift();
      if (token === undefined)
        throw new Error('every refresh token is in use: the load is more than it can carry');
      const template = { method: 'POST', path, headers, body: prefix + encodeURIComponent(token) } as const;
      const { status, body } = await client.send(bytesOf(address, template));
      const next = /"refresh_token": ?"([^"]+)"/.exec(body)?.[1];
      if (status !== 200 || next === undefined) throw new Error(`${status} ${body.slice(0, 400)}`);
      free.push(next);
    },
  };
}

/** The bytes of one HTTP/1.1 request. */
function bytesOf({ authority }: Address, { method, path, headers = {}, body }: RequestTemplate): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: ${authority}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`]),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
}

/** Each person once: a one-time code is good once. */
function withPeople(people: readonly Person[], operation: (person: Person) => Promise<void>) {
  let at = 0;
  return {
    close() {},
    async run() {
      const person = people[at++];
      if (person === undefined) throw new Error('there are fewer people than sign-ins');
      await operation(person);
    },
  };
}

async function signIn({ authority }: Address, { email, password, totpSecret }: Person): Promise<void> {
  const agent = createAgent();
  const identify = await agent.get(`http://${authority}/sign-in`);
  const passwordPage = await agent.submit(identify, { email });
  const codePage = await agent.submit(passwordPage, { password });
  const end = await agent.submit(codePage, { code: totpCode(totpSecret) });
  const signedIn = agent.cookies().some(({ name }) => name.endsWith('gatehouse_session'));
  if (!signedIn) throw new Error(`not signed in: ${end.status} ${end.url} ${end.html.slice(0, 400)}`);
}

async function pages({ authority }: Address, { email }: Person): Promise<void> {
  const agent = createAgent();
  const identify = await agent.get(`http://${authority}/sign-in`);
  const passwordPage = await agent.submit(identify, { email });
  const codePage = await agent.get(`http://${authority}/sign-in/totp`);
  if (passwordPage.form?.step !== 'password' || codePage.form?.step !== 'totp') {
    throw new Error(`no such page: ${codePage.status} ${codePage.url}`);
  }
}

async function firstLogin(
  { authority }: Address,
  { clientId, redirectUri, resource, scope }: Extract<Work, { kind: 'first-login' }>,
  { email, password, totpSecret }: Person,
): Promise<void> {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state',
    resource,
    scope,
  });
  const agent = createAgent();
  const identify = await agent.get(`http://${authority}/authorize?${query}`);
  const passwordPage = await agent.submit(identify, { email });
  const codePage = await agent.submit(passwordPage, { password });
  const consent = await agent.submit(codePage, { code: totpCode(totpSecret) });
  const scopes = askedScopes(consent);
  const answer = await agent.submit(consent, { scope: scopes, decision: 'allow' });
  const code = answer.location === undefined ? null : new URL(answer.location).searchParams.get('code');
  if (code === null) throw new Error(`no code: ${answer.status} ${answer.url} ${answer.html.slice(0, 400)}`);
  const tokens = await agent.post(
    `http://${authority}/token`,
    new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
      redirect_uri: redirectUri,
    }),
  );
  if (tokens.status !== 200) throw new Error(`no tokens: ${tokens.status} ${tokens.html}`);
}
