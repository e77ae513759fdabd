import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  ACCEPTED_REDIRECT_URIS,
  OTHER_SCHEMES,
  REFUSED_REDIRECT_URIS,
} from '../../fixtures/redirect-uris.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { requestQuery } from '../../support/authorization.ts';
import { addPerson, signedIn } from '../../support/flow.ts';
import { NATIVE, register } from '../../support/registration.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

const ACCEPTED = Object.values(ACCEPTED_REDIRECT_URIS).flat();

let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});
afterAll(() => server.stop());

const ask = (clientId: string, redirectUri: string) =>
  ada.get(`${server.issuer}/authorize?${requestQuery(clientId, { redirect_uri: redirectUri })}`);

const goesOn = async (clientId: string, redirectUri: string) =>
  (await ask(clientId, redirectUri)).location?.startsWith(`${server.issuer}/interaction/`) ?? false;

describe.each(Object.entries(REFUSED_REDIRECT_URIS))('%s', (_why, uris) => {
  it('B2, B5: is registered neither by the client itself nor by an administrator, and the record says why', async () => {
    for (const [uri, code] of uris) {
      const {
        value: refused,
        records,
        clients,
      } = await observe(server, () =>
        register(server, { ...NATIVE, redirect_uris: ['https://ok.example/cb', uri] }),
      );
      expect({ uri, status: refused.status, error: refused.body['error'] }).toEqual({
        uri,
        status: 400,
        error: 'invalid_redirect_uri',
      });
      expect(refused.body['error_description']).toMatch(/^redirect_uris\[1\]: ./);
      expect(records).toEqual([
        expect.objectContaining({ event: 'client.rejected', outcome: 'refused', reason: code }),
      ]);
      expect(clients).toBe(0);
      await expect(addTestClient(server, { redirectUris: [uri] })).rejects.toThrow(/redirect/i);
    }
  });
});

it('B1, MCP 20: none of it is followed for a client that registered what it was made to look like', async () => {
  const lists = [ACCEPTED.slice(0, 40), ACCEPTED.slice(40)];
  const clients = await Promise.all(
    lists.map(async (redirectUris) => (await addTestClient(server, { redirectUris })).clientId),
  );
  for (const [uri] of Object.values(REFUSED_REDIRECT_URIS).flat()) {
    for (const clientId of clients) {
      const page = await ask(clientId, uri);
      expect({ uri, status: page.status, location: page.headers.get('location') }).toEqual({
        uri,
        status: 400,
        location: null,
      });
    }
  }
});

it('MCP 19: what is accepted is accepted as it is, and no other way of writing it', async () => {
  for (const uri of ACCEPTED) {
    const { clientId } = await addTestClient(server, { redirectUris: [uri] });
    expect({ uri, goesOn: await goesOn(clientId, uri) }).toEqual({ uri, goesOn: true });
    for (const other of [`${uri}/`, `${uri}#`, uri.replace(':', ':/'), ` ${uri}`, uri.replace('/', '\\')]) {
      if (other !== uri)
        expect({ other, goesOn: await goesOn(clientId, other) }).toEqual({ other, goesOn: false });
    }
  }
});

it('B2: no other scheme is registered', async () => {
  for (const scheme of OTHER_SCHEMES) {
    const { status, body } = await register(server, {
      ...NATIVE,
      redirect_uris: [`${scheme}://ok.example/cb`],
    });
    expect({ scheme, status, error: body['error'] }).toEqual({
      scheme,
      status: 400,
      error: 'invalid_redirect_uri',
    });
    expect(body['error_description']).toContain(`the scheme ${scheme}: is not accepted`);
  }
});
