import { afterAll, beforeAll, describe, it } from 'vitest';

import type { NewClient } from '../../../src/domain/clients/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { askFor, expectRefusedToClient } from '../../support/authorization.ts';
import { addPerson, signedIn } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});

afterAll(() => server.stop());

const kinds: readonly (readonly [string, Partial<NewClient>])[] = [
  ['a public client', {}],
  ['a confidential client', { authMethod: 'client_secret_basic' }],
  ['a trusted confidential client', { authMethod: 'client_secret_post', trust: 'trusted' }],
  ['a first-party client', { trust: 'first_party' }],
];

describe.each(kinds)('%s', (_name, client) => {
  let clientId: string;
  beforeAll(async () => {
    clientId = (await addTestClient(server, client)).clientId;
  });

  const refusedWith = async (params: Readonly<Record<string, string | undefined>>, reason: string) =>
    expectRefusedToClient(await askFor(server, ada, clientId, params), server, {
      error: 'invalid_request',
      reason,
    });

  it('C1, MCP 17: must send a challenge', async () => {
    await refusedWith({ code_challenge: undefined, code_challenge_method: undefined }, 'pkce_missing');
    await refusedWith({ code_challenge: undefined }, 'pkce_missing');
    await refusedWith({ code_challenge: '' }, 'pkce_missing');
  });

  it.each([undefined, '', 'plain', 'PLAIN', 's256', 'S256 ', 'S512', '__proto__'])(
    'C2, MCP 17: code_challenge_method=%j is refused',
    (method) => refusedWith({ code_challenge_method: method }, 'pkce_plain'),
  );

  it.each([
    ['42 characters', 'a'.repeat(42)],
    ['44 characters', 'a'.repeat(44)],
    ['128 characters', 'a'.repeat(128)],
    ['129 characters', 'a'.repeat(129)],
    ['one character', 'a'],
    ['padding', `${'a'.repeat(42)}=`],
    ['base64 and not base64url', `${'a'.repeat(41)}+/`],
    ['a tilde', `${'a'.repeat(42)}~`],
    ['a dot', `${'a'.repeat(42)}.`],
    ['a space', `${'a'.repeat(42)} `],
    ['a line feed', `${'a'.repeat(43)}\n`],
    ['a NUL', `${'a'.repeat(42)}\u0000`],
    ['letters that look alike', `${'a'.repeat(42)}а`],
  ])('C5: a challenge with %s is refused', (_what, challenge) =>
    refusedWith({ code_challenge: challenge }, 'pkce_malformed'),
  );
});
