import { afterAll, beforeAll, expect, it } from 'vitest';

import { createAgent } from '../../support/agent.ts';
import { authorizeUrl, CALLBACK, pkce } from '../../support/flow.ts';
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

it.each([
  ['on loopback', CALLBACK, 'http://127.0.0.1:53111'],
  ['with a website', 'https://evil.example/cb', 'https://evil.example'],
])(
  'SEC-L2: the sign-in page quotes and cuts the name of an untrusted client %s',
  async (_what, uri, address) => {
    const message = 'SECURITY NOTICE: your account is at risk. Phone IT at once on 555 0100.';
    const response = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: message, redirect_uris: [uri] }),
    });
    const { client_id: clientId } = (await response.json()) as { client_id: string };
    const page = await createAgent().get(
      authorizeUrl(server, { client_id: clientId, redirect_uri: uri, code_challenge: pkce().challenge }),
    );
    const words = page.html.replace(/<[^>]+>/g, '').replace(/\s+/g, ' ');
    expect(words).toContain(
      `A program that calls itself “${message.slice(0, 39).trimEnd()}…” (not verified, ${address})`,
    );
    expect(words).not.toContain('555 0100');
  },
);

it('SEC-L2: the sign-in page names a known client without quotes', async () => {
  const { clientId } = await addTestClient(server, { name: 'Release Assistant' });
  const page = await createAgent().get(
    authorizeUrl(server, { client_id: clientId, code_challenge: pkce().challenge }),
  );
  expect(page.html).toContain('<bdi>Release Assistant</bdi> wants to use');
  expect(page.html).not.toContain('not verified');
});
