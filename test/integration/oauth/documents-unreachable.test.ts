import { afterEach, describe, expect, it } from 'vitest';

import type { Outbound } from '../../../src/platform/fetch/index.ts';
import { createAgent } from '../../support/agent.ts';
import { authorizeUrl, pkce } from '../../support/flow.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const CLIENT = 'https://client.example/oauth/client.json';
/** A computer without internet: its resolver knows no name. */
const OFFLINE: Outbound = {
  resolve: () => Promise.reject(new Error('queryA ENOTFOUND')),
  dial: () => Promise.reject(new Error('nothing is reachable')),
};
const ONLINE: Outbound = { ...OFFLINE, resolve: async () => [{ address: '93.184.216.34', family: 4 }] };

describe('a server on loopback without internet', () => {
  let server: TestServer;
  afterEach(() => server.stop());

  const start = async (documents: string, outbound: Outbound) => {
    server = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: documents }, { outbound });
  };
  const metadata = async () => {
    const response = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
    return (await response.json()) as Record<string, unknown>;
  };

  it('CLI-7: the metadata announce registration and no documents when the default applies and no name resolves', async () => {
    await start('', OFFLINE);
    expect(await metadata()).toMatchObject({
      client_id_metadata_document_supported: false,
      registration_endpoint: `${server.issuer}/register`,
    });
  });

  it('CLI-7: the metadata announce documents when names resolve', async () => {
    await start('', ONLINE);
    expect((await metadata())['client_id_metadata_document_supported']).toBe(true);
  });

  it.each([
    ['open', true],
    ['allowlist', true],
    ['off', false],
  ])(
    'CLI-7: the metadata follow the setting %s alone when it is set, whatever resolves',
    async (mode, announced) => {
      await start(mode, OFFLINE);
      expect((await metadata())['client_id_metadata_document_supported']).toBe(announced);
    },
  );

  it('CLI-7: the page of a document that cannot be fetched names the setting when the issuer is loopback', async () => {
    await start('', OFFLINE);
    const url = authorizeUrl(server, { client_id: CLIENT, code_challenge: pkce().challenge });
    const page = await createAgent().get(url);
    expect(page.html).toContain('This program could not be identified');
    expect(page.html).toContain('GATEHOUSE_METADATA_DOCUMENTS=off');
  });
});
