import { setTimeout as delay } from 'node:timers/promises';

import { settleCutoffs } from '../../src/domain/grants/index.ts';

import { check, type Violation } from './checker/index.ts';
import { FAULTS, type Fault } from './faults.ts';
import { type Act, createHistory, type History } from './history.ts';
import { createRandom, type Random } from './random.ts';
import { readStore } from './store.ts';
import { administrate, persistently } from './workload/administrator.ts';
import { startProgram } from './workload/program.ts';
import { type Scene, takeSeats } from './workload/scene.ts';
import { type Shape, startWorld, type World } from './world/world.ts';

export interface RunOptions {
  readonly seed: string;
  readonly shape: Shape;
  /** How many faults. */
  readonly faults: number;
  /** Milliseconds that something is paused at the most. */
  readonly longestPause: number;
  /** Told of each fault when everybody has recovered from it. */
  readonly onFault?: (fault: InjectedFault) => void;
}

export interface InjectedFault {
  readonly name: string;
  /** Milliseconds from the end of its cause until every process served again. */
  readonly recovery: number;
}

export interface Report {
  readonly seed: string;
  readonly shape: Shape;
  readonly seconds: number;
  readonly faults: readonly InjectedFault[];
  /** What this machine could not do, by name. */
  readonly skipped: readonly string[];
  readonly acts: readonly Act[];
  readonly grants: number;
  readonly records: number;
  readonly violations: readonly Violation[];
  /** What the servers wrote. */
  readonly output: string;
}

const PEOPLE = 3;
const SEATS = 6;
/** Nothing takes longer to recover from, or it has not. */
const RECOVERY_LIMIT = 60_000;

/** One run: a workload, faults at moments that the seed chooses, and the judgement of what was seen. */
export async function run(options: RunOptions): Promise<Report> {
  const started = performance.now();
  const random = createRandom(`${options.seed}/${options.shape}`);
  const world = await startWorld(options.shape, random.fork('world'));
  try {
    const history = createHistory();
    const { faults, skipped } = await underLoad(world, history, random, options);
    // What housekeeping would do in its next round: an end of a client's grants is written into each of them.
    await persistently(() => settleCutoffs(world.server.database.prisma));
    const store = await readStore(world.directUrl);
    return {
      seed: options.seed,
      shape: options.shape,
      seconds: (performance.now() - started) / 1000,
      faults,
      skipped,
      acts: history.acts,
      grants: store.grants.length,
      records: store.records.length,
      violations: check(history.acts, store),
      output: world.nodes.map((node) => node.output()).join(''),
    };
  } finally {
    await world.stop();
  }
}

async function underLoad(world: World, history: History, random: Random, options: RunOptions) {
  const bell = createBell();
  let over = false;
  const scene: Scene = { world, history, random, over: () => over, onRevoked: bell.ring };
  const seats = await takeSeats(world, PEOPLE, SEATS);
  const programs = seats.map((seat) => startProgram(scene, seat));
  const pace = random.fork('pace');
  const actors = Promise.all([
    administrate(scene, seats),
    ...programs.map(async (program) => {
      while (!over) {
        await program.step();
        await delay(pace.int(5, 80));
      }
    }),
  ]);
  actors.catch(() => {});
  try {
    await delay(1_500);
    const injected = await injectAll(world, random.fork('faults'), options, bell.next);
    await delay(500);
    return injected;
  } finally {
    over = true;
    await actors;
    for (const program of programs) await program.conclude();
  }
}

/** Every fault that is possible here before any comes twice, in an order and at moments of the seed's. */
async function injectAll(
  world: World,
  random: Random,
  options: RunOptions,
  nextRevocation: () => Promise<void>,
) {
  const possible = FAULTS.filter((fault) => fault.possible(world));
  const skipped = FAULTS.filter((fault) => !possible.includes(fault)).map(({ name }) => name);
  const faults: InjectedFault[] = [];
  let deck: Fault[] = [];
  while (faults.length < options.faults) {
    if (deck.length === 0) deck = [...possible];
    const fault = random.pick(deck);
    deck = deck.filter((other) => other !== fault);
    await delay(random.int(100, 1_200));
    let ended = performance.now();
    await fault.inject({
      world,
      random,
      longestPause: options.longestPause,
      nextRevocation,
      over: () => {
        ended = performance.now();
      },
    });
    await everybodyServes(world);
    const injected = { name: fault.name, recovery: performance.now() - ended };
    faults.push(injected);
    options.onFault?.(injected);
  }
  return { faults, skipped };
}

/** Until every process answers something that it has to ask the store for. */
async function everybodyServes({ nodes }: World): Promise<void> {
  const deadline = performance.now() + RECOVERY_LIMIT;
  for (const node of nodes) {
    for (;;) {
      const question = { grant_type: 'refresh_token', client_id: 'cli_nobody', refresh_token: 'none' };
      const answer = await node.post('/token', question).catch(() => undefined);
      if (answer?.status === 401) break;
      if (performance.now() > deadline)
        throw new Error(`${node.name} does not come back: ${node.output().slice(-4_000)}`);
      await delay(20);
    }
  }
}

/** Lets somebody wait for the next of many moments. */
function createBell() {
  let waiting: (() => void)[] = [];
  return {
    ring() {
      for (const wake of waiting.splice(0)) wake();
      waiting = [];
    },
    next: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
}
