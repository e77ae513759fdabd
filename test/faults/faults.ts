import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

import { startServerProcess } from '../support/server-process.ts';

import type { Random } from './random.ts';
import { familyOf, postmasterOf, signalAll } from './world/postgres.ts';
import type { World } from './world/world.ts';

/** What the injection of a fault needs. */
export interface FaultContext {
  readonly world: World;
  readonly random: Random;
  /** Milliseconds that something is paused at the most. */
  readonly longestPause: number;
  /** Resolves at the next acknowledged revocation, before anything else happens. */
  nextRevocation(): Promise<void>;
  /** Called at the moment when the cause is gone; from then on recovery is measured. */
  over(): void;
}

/** Something that goes wrong. It resolves when whoever supervises has put everything back. */
export interface Fault {
  readonly name: string;
  /** Whether it can be done to this world; what cannot is skipped by its name. */
  possible(world: World): boolean;
  inject(context: FaultContext): Promise<void>;
}

const always = () => true;
const withProxy = ({ proxy }: World) => proxy !== undefined;
const withRedis = ({ redis }: World) => redis !== undefined;
const embedded = ({ shape }: World) => shape === 'embedded';

/** Statements of the token path, and the end of every transaction of the rest. */
const STATEMENTS = [
  'present-refresh-token',
  'rotate-refresh-token',
  'repeat-refresh-token',
  'present-code',
  'redeem-code',
  'issue-grant',
  'revoke-grant',
  'revoke-access-token',
  'COMMIT',
];

export const FAULTS: readonly Fault[] = [
  {
    name: 'server killed',
    possible: always,
    async inject({ world, random, over }) {
      const node = random.pick(world.nodes);
      await node.kill();
      over();
      await node.start();
    },
  },
  {
    name: 'every server killed at the answer to a revocation',
    possible: always,
    async inject({ world, nextRevocation, over }) {
      await nextRevocation();
      await Promise.all(world.nodes.map((node) => node.kill()));
      over();
      await Promise.all(world.nodes.map((node) => node.start()));
    },
  },
  {
    name: 'server drained and started',
    possible: ({ shape }) => shape === 'shared',
    async inject({ world, random, over }) {
      const node = random.pick(world.nodes);
      await node.stop();
      over();
      await node.start();
    },
  },
  {
    name: 'PostgreSQL killed',
    possible: always,
    async inject({ world, over }) {
      process.kill(postmasterOf(world.cluster), 'SIGKILL');
      over();
    },
  },
  {
    name: 'PostgreSQL stopped and started',
    possible: always,
    async inject({ world, random, over }) {
      process.kill(postmasterOf(world.cluster), random.pick(['SIGINT', 'SIGQUIT'] as const));
      await world.proxy?.cut();
      await delay(world.proxy ? random.int(200, 2_000) : 0);
      await world.proxy?.restore();
      over();
    },
  },
  {
    name: 'PostgreSQL and every server killed together',
    possible: embedded,
    async inject({ world, over }) {
      const postgres = postmasterOf(world.cluster);
      await Promise.all(world.nodes.map((node) => node.kill()));
      signalAll([postgres], 'SIGKILL');
      over();
      await Promise.all(world.nodes.map((node) => node.start()));
    },
  },
  {
    name: 'PostgreSQL paused',
    possible: always,
    async inject({ world, random, longestPause, over }) {
      const family = familyOf(postmasterOf(world.cluster));
      signalAll(family, 'SIGSTOP');
      await delay(random.int(300, longestPause));
      signalAll(family, 'SIGCONT');
      over();
    },
  },
  {
    name: 'connections to PostgreSQL cut',
    possible: withProxy,
    async inject({ world, random, over }) {
      await world.proxy?.cut();
      await delay(random.int(0, 1_500));
      await world.proxy?.restore();
      over();
    },
  },
  {
    name: 'answers of PostgreSQL lost',
    possible: withProxy,
    async inject({ world, random, over }) {
      for (let n = 0; n < 12; n += 1) {
        world.proxy?.breakAt(random.pick(STATEMENTS), random.chance(0.7) ? 'after' : 'before');
        await delay(random.int(50, 200));
      }
      over();
    },
  },
  {
    name: 'answer to a redemption lost, and then every connection',
    possible: withProxy,
    async inject({ world, random, over }) {
      const struck = new Promise<void>((resolve) => world.proxy?.breakAt('redeem-code', 'after', resolve));
      await Promise.race([struck, delay(20_000)]);
      await world.proxy?.cut();
      await delay(random.int(200, 2_000));
      await world.proxy?.restore();
      over();
    },
  },
  {
    name: 'pool exhausted behind a lock',
    possible: always,
    async inject({ world, random, over }) {
      const holder = new pg.Client({ connectionString: world.directUrl });
      await holder.connect();
      try {
        await holder.query('BEGIN');
        await holder.query('LOCK TABLE grants IN ACCESS EXCLUSIVE MODE');
        await delay(random.int(1_000, 6_000));
      } finally {
        await holder.end();
      }
      over();
    },
  },
  {
    name: 'disk full',
    possible: ({ disk }) => disk.fill !== undefined,
    async inject({ world, random, over }) {
      world.disk.fill?.();
      await delay(random.int(500, 3_000));
      world.disk.empty();
      over();
    },
  },
  {
    name: 'Redis killed and started',
    possible: withRedis,
    async inject({ world, random, over }) {
      await world.redis?.kill();
      await delay(random.int(100, 1_500));
      await world.redis?.start();
      over();
    },
  },
  {
    name: 'Redis emptied',
    possible: withRedis,
    async inject({ world, over }) {
      await world.redis?.flush();
      over();
    },
  },
  {
    name: 'Redis paused',
    possible: withRedis,
    async inject({ world, random, longestPause, over }) {
      world.redis?.pause();
      await delay(random.int(300, longestPause));
      world.redis?.resume();
      over();
    },
  },
  {
    name: 'second server on the directory',
    possible: embedded,
    async inject({ world, over }) {
      const second = await startServerProcess(world.environment).catch((error: Error) => error);
      over();
      if (!(second instanceof Error)) {
        await second.stop();
        throw new Error('a second server was let onto the data directory');
      }
      if (!second.message.includes('is running Gatehouse on')) throw second;
    },
  },
];
