import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Agent, createAgent } from '../../support/agent.ts';
import { addPerson, authorizeUrl, pkce, signedIn } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { startWebOfThread, type WebOfThread } from '../../support/web-of-thread.ts';

const CALLBACK = 'https://app.web.example/cb';

let web: WebOfThread;
let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  web = await startWebOfThread(({ headers, url }, response) => {
    const id = `https://${headers.host}${url}`;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ client_id: id, client_name: 'Some App', redirect_uris: [CALLBACK] }));
  });
  server = await startTestServer(
    { GATEHOUSE_METADATA_DOCUMENTS: 'open', GATEHOUSE_FETCH_TIMEOUT: '5' },
    { outbound: web.outbound },
  );
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});
afterAll(async () => {
  await server.stop();
  await web.stop();
});

const ask = (clientId: string) =>
  ada.get(
    authorizeUrl(server, {
      client_id: clientId,
      redirect_uri: CALLBACK,
      code_challenge: pkce().challenge,
    }),
  );

describe('a server that fetches in a thread', () => {
  it('MCP 51: shows who asks, by a document that was fetched there', async () => {
    const { status, location } = await ask('https://app.web.example/client.json');
    expect(status).toBe(303);
    expect((await ada.get(location ?? '')).html).toContain('Some App');
  });

  it('MCP 51: outlives a thread that ends, and refuses who had it end', async () => {
    const { status, html } = await ask('https://ends.example/client.json');
    expect(status).toBe(400);
    expect(html).toContain('could not be identified');
    expect((await ask('https://other.web.example/client.json')).status).toBe(303);
  });
});
