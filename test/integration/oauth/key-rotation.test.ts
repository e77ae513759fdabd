import { setTimeout as delay } from 'node:timers/promises';
import { createVerifier } from '@gatehouse-mcp/verifier';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { listAudit } from '../../../src/domain/audit/index.ts';
import { runCli } from '../../support/cli.ts';
import { changeSigningKeys } from '../../support/data-keys.ts';
import { fetchJwks, kidOf, publishedKids, strictVerifier, until } from '../../support/key-rotation.ts';
import { cause, FILES, startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import {
  type Connected,
  connected,
  freshTokens,
  introspect,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';

/** Seconds that verifiers may keep the keys. */
const LIFETIME = 1;
const QUICK = {
  GATEHOUSE_JWKS_LIFETIME: String(LIFETIME),
  GATEHOUSE_KEY_SKEW: '2',
  GATEHOUSE_ACCESS_TOKEN_LIFETIME: '3600',
};

let server: TestServer;
let nodes: readonly [ServerProcess, ServerProcess];
let ada: Connected;

beforeAll(async () => {
  server = await startTestServer(QUICK);
  nodes = await Promise.all([startServerProcess(server.environment), startServerProcess(server.environment)]);
  ada = await connected(server);
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await server.stop();
});

const isActive = async (node: ServerProcess, token: string) =>
  (await introspect(server, token, node))['active'];
const auditOf = (event: 'key.created' | 'key.rotated' | 'key.revoked') =>
  listAudit(server.database.prisma, { event });

describe('keys that are replaced under load', () => {
  /** Connections that refresh at the same time, and how long each waits: together at most 500 requests a second. */
  const CLIENTS = 16;
  const PAUSE_MS = 32;

  it('G7: three rotations, followed by two processes and by verifiers that cache, refuse no token', async () => {
    const verifiers = await Promise.all(nodes.map((node) => strictVerifier(server, node)));
    const families = await Promise.all(Array.from({ length: CLIENTS }, () => freshTokens(server, ada)));
    const first = kidOf(families[0]?.accessToken ?? '');

    let over = false;
    let requests = 0;
    const faults: unknown[] = [];
    /** By kid: a token of each node, and when the first was seen. */
    const signed = new Map<string, { readonly at: number; readonly tokens: Map<ServerProcess, string> }>();
    /** By kid: when the last node had published it. */
    const published = new Map<string, number>();

    async function use(token: string): Promise<void> {
      for (const verifier of verifiers) await verifier.verify(token).catch((error) => faults.push(error));
    }
    async function client(index: number, refreshToken: string): Promise<void> {
      let current = refreshToken;
      for (let turn = index; !over; turn += 1) {
        const [node, other] = turn % 2 === 0 ? nodes : [nodes[1], nodes[0]];
        const started = performance.now();
        const response = await refresh(node, ada.clientId, current);
        requests += 1;
        if (response.status !== 200) {
          faults.push(response);
          return;
        }
        const { accessToken, refreshToken: successor } = tokensOf(response);
        current = successor;
        const seen = signed.get(kidOf(accessToken)) ?? { at: performance.now(), tokens: new Map() };
        seen.tokens.set(node, accessToken);
        signed.set(kidOf(accessToken), seen);
        await use(accessToken);
        if (turn % 5 === 0) {
          requests += 1;
          if ((await isActive(other, accessToken)) !== true) faults.push(`inactive: ${accessToken}`);
        }
        await delay(Math.max(0, PAUSE_MS - (performance.now() - started)));
      }
    }
    async function watch(): Promise<void> {
      while (!over) {
        const [here = [], there = []] = await Promise.all(nodes.map(publishedKids));
        for (const kid of here) {
          if (there.includes(kid) && !published.has(kid)) published.set(kid, performance.now());
        }
        await delay(50);
      }
    }

    const running = [watch(), ...families.map((each, index) => client(index, each.refreshToken))];
    const kids = [first];
    const started = performance.now();
    try {
      for (let round = 0; round < 3; round += 1) {
        const { kid } = await server.installation.keys.rotate(cause);
        kids.push(kid);
        await until(() => signed.get(kid)?.tokens.size === 2);
        // Every token of every key, that of the first rotation included, is good to the end.
        for (const { tokens } of signed.values()) for (const token of tokens.values()) await use(token);
      }
    } finally {
      over = true;
      await Promise.all(running);
    }
    const rate = (requests / (performance.now() - started)) * 1000;

    expect(faults).toEqual([]);
    expect([...signed.keys()]).toEqual(kids);
    expect(rate).toBeGreaterThan(50);
    for (const kid of kids.slice(1)) {
      const head = (signed.get(kid)?.at ?? 0) - (published.get(kid) ?? Number.POSITIVE_INFINITY);
      expect(head).toBeGreaterThan(LIFETIME * 1000);
    }
    expect((await auditOf('key.rotated')).map(({ detail }) => detail)).toEqual(
      kids.slice(1).map((kid, index) => ({ kid, retired: kids[index] })),
    );
  }, 60_000);

  it('G7: the answer says how long the keys may be kept, which is what the rotation waits for', async () => {
    const { headers } = await fetchJwks(nodes[0]);
    expect(headers.get('cache-control')).toBe(`public, max-age=${LIFETIME}`);
    const { effectiveAt, kid } = await server.installation.keys.rotate(cause);
    await until(async () => (await publishedKids(nodes[0])).includes(kid), 1_500);
    expect(effectiveAt.getTime() - Date.now()).toBeGreaterThan(LIFETIME * 1000);
  });

  it('announces the algorithms of all published keys, of the one that is about to sign too', async () => {
    const announced = async () => {
      const { body } = await nodes[0].get('/.well-known/openid-configuration');
      return body['id_token_signing_alg_values_supported'];
    };
    expect(await announced()).toEqual(['ES256']);
    await changeSigningKeys(
      server.database.pool,
      server.installation.sealer,
      `UPDATE signing_keys SET promote_at = now() WHERE state = 'next'`,
    );
    const { algorithm } = (
      await runCli(['keys', 'rotate', '--json'], {
        cwd: '/',
        env: { ...server.environment, GATEHOUSE_SIGNING_ALGORITHM: 'EdDSA' },
      })
    ).json<{ algorithm: string }>();
    expect(algorithm).toBe('EdDSA');
    await expect.poll(announced, { timeout: 3_000 }).toEqual(['EdDSA', 'ES256']);
  });
});

describe('a compromised key', () => {
  it('G8: is dropped by every process within a second, its tokens are refused, and connections go on', async () => {
    const { accessToken: old, refreshToken } = await freshTokens(server, ada);
    const verifier = createVerifier({
      issuer: server.issuer,
      resource: FILES,
      jwksUri: `${server.issuer}/jwks`,
      fetch: () => fetchJwks(nodes[1]),
    });
    await verifier.verify(old);
    for (const node of nodes) expect(await isActive(node, old)).toBe(true);

    const run = await runCli(['keys', 'rotate', '--compromised', '--json'], {
      cwd: '/',
      env: server.environment,
    });
    const { kid, revoked } = run.json<{ kid: string; revoked: string[] }>();
    expect(revoked).toContain(kidOf(old));
    for (const node of nodes) {
      // A second, and what a request takes on a busy machine.
      expect(await until(async () => (await isActive(node, old)) === false)).toBeLessThan(1_500);
      expect(await publishedKids(node)).toEqual([kid]);
    }

    const fresh = tokensOf(await refresh(nodes[0], ada.clientId, refreshToken)).accessToken;
    expect(kidOf(fresh)).toBe(kid);
    expect(await isActive(nodes[1], fresh)).toBe(true);
    // The first new token makes a verifier ask for the keys, and from then on it refuses the old ones.
    expect(await verifier.verify(fresh)).toMatchObject({ audience: FILES });
    await expect(verifier.verify(old)).rejects.toMatchObject({ code: 'key_unknown' });
    expect((await auditOf('key.revoked')).map(({ reason, detail }) => [reason, detail])).toContainEqual([
      'compromised',
      { kid: kidOf(old), replaced_by: kid },
    ]);
  });
});
