import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAgent } from '../../support/agent.ts';
import { addPerson, signedIn } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

describe.each(['', '/t1'])('the front page of an issuer with the path "%s"', (path) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({}, path === '' ? {} : { path });
  });
  afterAll(() => server.stop());

  it('NEW-15: leads to sign-in, names the issuer, and links metadata that exist', async () => {
    const page = await createAgent().get(`${server.issuer}/`);
    expect(page.status).toBe(200);
    expect(page.html).toContain(`href="${path}/sign-in"`);
    expect(page.html).toContain(server.issuer);
    const [, metadata = ''] = /href="([^"]*\.well-known[^"]*)"/.exec(page.html) ?? [];
    expect(await (await fetch(metadata)).json()).toMatchObject({ issuer: server.issuer });
  });

  it('NEW-15: names the user who is signed in, and leads to Connected apps', async () => {
    const agent = createAgent();
    const person = await addPerson(server);
    await signedIn(server, agent, person);
    const page = await agent.get(`${server.issuer}/`);
    expect(page.html).toContain(person.email);
    expect(page.html).toContain(`href="${path}/account"`);
    expect(page.html).not.toContain(`href="${path}/sign-in"`);
  });
});
