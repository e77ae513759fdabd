import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/free-port.ts';
import type { Lab } from '../lab.ts';
import { cpuOf, cpuOfFamily, memoryOfFamily, residentOf } from '../os/processes.ts';
import { SCENARIOS } from '../scenarios.ts';

import { startChild } from './child.ts';
import type { Running, Supplies, Target, TargetName } from './target.ts';

/** What each server of `bench/servers` can do, and its bounds. */
const ABILITIES = {
  bare: { jwks: {}, metadata: {} },
  floor: { refresh: {} },
  stock: {
    jwks: {},
    metadata: {},
    authorize: {},
    code: { batch: 150 },
    refresh: { batch: 300 },
    introspection: {},
    revocation: { batch: 150 },
  },
  'better-auth': {
    jwks: { most: 2000 },
    metadata: { most: 2000 },
    authorize: { most: 200 },
    code: { most: 100 },
    refresh: { most: 100 },
    introspection: { most: 400 },
    revocation: { most: 100 },
  },
} as const;

export const bare: Target = {
  name: 'bare',
  title: 'bare node:http',
  missing: () => undefined,
  start: (lab) => startPeer(lab, 'bare', '/jwks'),
};

export const floor: Target = {
  name: 'floor',
  title: 'hand-written floor, PostgreSQL',
  missing: () => undefined,
  async start(lab) {
    const postgres = await lab.postgres();
    const running = await startPeer(lab, 'floor', '/', [await postgres.createDatabase('floor')]);
    return {
      ...running,
      wal: postgres.wal,
      cpu: () => ({ ...running.cpu(), database: cpuOfFamily(postgres.pid) }),
      memory: () => ({ ...running.memory(), database: memoryOfFamily(postgres.pid) }),
    };
  },
};

export const stock: Target = {
  name: 'stock',
  title: 'oidc-provider, in memory',
  missing: () => undefined,
  start: (lab) => startPeer(lab, 'stock', '/jwks'),
};

export const betterAuth: Target = {
  name: 'better-auth',
  title: 'better-auth, SQLite',
  missing() {
    try {
      createRequire(import.meta.url).resolve('@better-auth/oauth-provider');
      return undefined;
    } catch {
      return 'not installed; npm ci --prefix bench installs it';
    }
  },
  start: (lab) => startPeer(lab, 'better-auth', '/api/auth/jwks', [`${lab.directory}/better-auth.sqlite`]),
};

async function startPeer(
  lab: Lab,
  name: Exclude<TargetName, `gatehouse-${string}`>,
  path: string,
  more: readonly string[] = [],
): Promise<Running> {
  const port = await freePort();
  const address = { host: '127.0.0.1', port, authority: `localhost:${port}` };
  const script = fileURLToPath(new URL(`../servers/${name}.ts`, import.meta.url));
  const child = await startChild(lab, { name, script, args: [`${port}`, ...more], address, path });
  const abilities: Readonly<Record<string, { readonly batch?: number; readonly most?: number }>> =
    ABILITIES[name];
  const supplies = Object.fromEntries(
    SCENARIOS.filter((scenario) => scenario.name in abilities).map((scenario) => [
      scenario.name,
      {
        ...abilities[scenario.name],
        make: (operations: number) => child.work(scenario.name, operations),
      },
    ]),
  ) as Supplies;
  return {
    name,
    address,
    supplies,
    startedInMs: child.startedInMs,
    cpu: () => ({ server: cpuOf(child.pid), database: 0, cache: 0 }),
    memory: () => ({ server: residentOf(child.pid), database: 0, cache: 0 }),
    stop: () => child.stop(),
  };
}
