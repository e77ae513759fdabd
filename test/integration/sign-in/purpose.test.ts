import { afterAll, beforeAll, expect, it } from 'vitest';

import { createAgent } from '../../support/agent.ts';
import { authorizeUrl, pkce } from '../../support/flow.ts';
import { addTestClient, FILES, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('SEC-M7: every step of a sign-in says which client asks, and names the server by its address only', async () => {
  const { clientId } = await addTestClient(server, { name: 'Release <Assistant>' });
  const agent = createAgent();

  const identify = await agent.get(
    authorizeUrl(server, { client_id: clientId, code_challenge: pkce().challenge }),
  );
  expect(identify.form?.step).toBe('identify');
  const password = await agent.submit(identify, { email: 'nobody@example.com' });
  expect(password.form?.step).toBe('password');
  for (const page of [identify, password]) {
    expect(page.html).toContain('Release &lt;Assistant&gt;');
    expect(page.html).toContain(FILES);
    expect(page.html).not.toContain('Team Files');
  }
});

it('a sign-in that leads nowhere special names no program', async () => {
  const page = await createAgent().get(
    `${server.issuer}/sign-in?continue=/interaction/aaaaaaaaaaaaaaaaaaaaaaaa`,
  );
  expect(page.form?.step).toBe('identify');
  expect(page.html).not.toContain(FILES);
});
