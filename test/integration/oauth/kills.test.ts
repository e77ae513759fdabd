import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { addResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { startServer } from '../../../src/main.ts';
import type { TokenResponse } from '../../support/flow.ts';
import { freePort } from '../../support/free-port.ts';
import { cause, FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { startServerProcess } from '../../support/server-process.ts';
import {
  type Connected,
  connected,
  endOf,
  freshTokens,
  introspect,
  refresh,
  type Target,
  type Tokens,
  tokensOf,
} from '../../support/token-requests.ts';

/** A client that refreshes without end and keeps what it was given last; `undefined` is a connection that broke. */
async function client(
  clientId: string,
  first: Tokens,
  target: Target,
  goOn: (response: TokenResponse | undefined) => boolean,
): Promise<string> {
  let current = first.refreshToken;
  for (;;) {
    const response = await refresh(target, clientId, current).catch(() => undefined);
    if (response?.status === 200) current = tokensOf(response).refreshToken;
    if (!goOn(response)) return current;
    if (response?.status !== 200) await delay(20);
  }
}

describe('a process that is killed in the middle of refreshes', () => {
  let server: TestServer;
  let ada: Connected;

  beforeAll(async () => {
    server = await startTestServer();
    ada = await connected(server);
  });

  afterAll(() => server.stop());

  it('E3: leaves every client able to go on, with what it had or with what it was about to get', async () => {
    for (const answered of [3, 37, 101]) {
      const families = await Promise.all(Array.from({ length: 10 }, () => freshTokens(server, ada)));
      const doomed = await startServerProcess(server.environment);
      const answers: TokenResponse[] = [];
      const clients = families.map((each) =>
        client(ada.clientId, each, doomed, (response) => {
          if (response) answers.push(response);
          return response !== undefined;
        }),
      );
      while (answers.length < answered) await delay(1);
      await doomed.kill();

      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const held = await Promise.all(clients);
      for (const [index, { grantId }] of families.entries()) {
        const next = tokensOf(await refresh(server, ada.clientId, held[index]));
        expect(next.grantId).toBe(grantId);
        expect((await refresh(server, ada.clientId, next.refreshToken)).status).toBe(200);
        expect(await endOf(server, grantId)).toBeUndefined();
      }
    }
  }, 60_000);
});

describe('a PostgreSQL that goes away under load', () => {
  let parent: string;
  let server: TestServer;
  let stop = async () => {};
  let ada: Connected;

  beforeAll(async () => {
    parent = mkdtempSync(join(tmpdir(), 'gatehouse-kills-'));
    chmodSync(parent, 0o755);
    server = await startEmbedded(join(parent, 'data'));
    stop = () => server.stop();
    ada = await connected(server);
  }, 60_000);

  afterAll(async () => {
    await stop();
    rmSync(parent, { recursive: true, force: true });
  });

  async function startEmbedded(dataDir: string): Promise<TestServer> {
    const port = await freePort();
    const environment = {
      NODE_ENV: 'test',
      GATEHOUSE_ISSUER: `http://localhost:${port}`,
      GATEHOUSE_INTERNAL_LISTEN: '127.0.0.1:0',
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
      GATEHOUSE_LOG_LEVEL: 'silent',
      GATEHOUSE_THROTTLE: 'off',
      GATEHOUSE_DATA_DIR: dataDir,
    };
    const config = loadConfig(environment);
    const { database, installation, internalAddress, stop } = await startServer(config);
    await addResource(
      database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier: FILES,
        name: 'Team Files',
        scopes: [{ scope: 'files:read', description: 'Read files', destructive: false }],
      },
      cause,
    );
    return {
      issuer: config.issuer,
      database,
      installation,
      databaseUrl: '',
      environment,
      internal: `http://127.0.0.1:${internalAddress?.port}`,
      stop,
    };
  }

  const postmaster = () =>
    Number(readFileSync(join(parent, 'data', 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

  it.each(['SIGINT', 'SIGKILL'] as const)(
    'E3: stopped by %s, is 503 for as long as it is away, and no client loses its connection',
    async (signal) => {
      const families = await Promise.all(Array.from({ length: 6 }, () => freshTokens(server, ada)));
      let stopped = false;
      const answers: (TokenResponse | undefined)[] = [];
      const clients = families.map((each) =>
        client(ada.clientId, each, server, (response) => {
          answers.push(response);
          return !stopped;
        }),
      );
      await delay(200);
      process.kill(postmaster(), signal);
      // Until everybody was refused and let in again.
      const deadline = performance.now() + 20_000;
      for (let away = false; performance.now() < deadline; await delay(20)) {
        away ||= answers.some((response) => response?.status === 503);
        if (away && answers.slice(-30).every((response) => response?.status === 200)) break;
      }
      stopped = true;
      const held = await Promise.all(clients);

      const refused = answers.filter((response) => response?.status !== 200);
      expect(refused.length).toBeGreaterThan(0);
      for (const response of refused) {
        expect(response).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
        expect(response?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      }
      for (const [index, { grantId }] of families.entries()) {
        const { accessToken } = tokensOf(await refresh(server, ada.clientId, held[index]));
        expect(await endOf(server, grantId)).toBeUndefined();
        const introspected = await introspect(server, accessToken, server);
        expect(introspected).toMatchObject({ active: true, grant_id: grantId });
      }
    },
    60_000,
  );
});
