import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAgent } from '../../support/agent.ts';
import { addPerson, authorizeUrl, pkce, signedIn } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

const CALLBACK = 'https://chatgpt.com/connector_platform_oauth_redirect';

let web: TestWeb;
let server: TestServer;
beforeAll(async () => {
  web = await startTestWeb();
  server = await startTestServer(
    {
      GATEHOUSE_METADATA_DOCUMENTS: 'open',
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1/32',
    },
    { outbound: web.outbound },
  );
});
afterAll(async () => {
  await server.stop();
  await web.stop();
});

/** The document of a connector that a person has just made at ChatGPT. */
function publishConnector(name: string): string {
  const id = `https://chatgpt.com/oauth/${name}/client.json`;
  web.publish(id, () => Response.json({ client_id: id, client_name: 'ChatGPT', redirect_uris: [CALLBACK] }));
  return id;
}
const urlFor = (clientId: string) =>
  authorizeUrl(server, { client_id: clientId, redirect_uri: CALLBACK, code_challenge: pkce().challenge });
const ask = (clientId: string, network: string) =>
  fetch(urlFor(clientId), { redirect: 'manual', headers: { 'x-forwarded-for': network } });
const attack = async (networks: readonly string[], each: number) => {
  const answers = await Promise.all(
    networks.flatMap((network) =>
      Array.from({ length: each }, (_, at) =>
        ask(`https://chatgpt.com/oauth/${network.replaceAll(/[.:]/g, '-')}-${at}/client.json`, network),
      ),
    ),
  );
  return answers.map(({ status }) => status);
};
const fetchedAtHost = () =>
  web.asked.filter(({ url }) => url.startsWith('https://chatgpt.com/oauth/')).length;

describe('the document budget of a host', () => {
  it('SEC-M8: two attacker addresses do not lock a third network out of a new ChatGPT connector', async () => {
    const statuses = await attack(['198.51.100.7', '203.0.113.7'], 30);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(40);
    expect(fetchedAtHost()).toBeLessThanOrEqual(6);
    expect((await ask(publishConnector('third'), '192.0.2.9')).status).toBe(303);
  });

  it('SEC-M8: networks without a person leave a reserve of the budget for signed-in people', async () => {
    // More prefixes than the budget of the host has lookups.
    await attack(
      Array.from({ length: 20 }, (_, prefix) => `198.18.${prefix}.1`),
      3,
    );
    expect(fetchedAtHost()).toBeLessThanOrEqual(41);
    expect((await ask(publishConnector('late'), '192.0.2.10')).status).toBe(429);
    const ada = createAgent({ follow: false });
    await signedIn(server, ada, await addPerson(server));
    expect((await ada.get(urlFor(publishConnector('signed-in')))).status).toBe(303);
  });
});
