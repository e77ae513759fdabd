import { setTimeout as delay } from 'node:timers/promises';

import type { Logger } from '../platform/observability/index.ts';

/** One process that answers, or is about to. */
export interface Member {
  readonly pid: number;
  /** Settles when it takes requests (true), or is gone before it ever did (false). */
  readonly listening: Promise<boolean>;
  /** Resolves, with how it ended, when it is gone. */
  readonly gone: Promise<string>;
  isListening(): boolean;
  /** Whether it says within so many milliseconds that its event loop turns. */
  responds(ms: number): Promise<boolean>;
  /** Asks it to finish what it has begun and to end. */
  leave(): void;
  /** Ends it without notice. */
  kill(): void;
}

export interface Fleet<M extends Member = Member> {
  /** Those that take requests now, one for each place at the most, in the order of their places. */
  listening(): readonly M[];
  /** Replaces all, one after the other. Stops at the first that does not start, whose place the old one keeps. */
  roll(): Promise<void>;
  /** Lets all drain, and resolves when they are gone. */
  stop(): Promise<void>;
  /** Rejects with WorkersFailed when a place could not be filled. Never resolves. */
  readonly failed: Promise<never>;
}

interface Deps<M extends Member> {
  readonly size: number;
  readonly fork: () => M;
  readonly log: Logger;
}

/** Workers die as soon as they are started; `message` says how. */
export class WorkersFailed extends Error {
  override readonly name = 'WorkersFailed';
}

/** Milliseconds. One that lived so long was well started; its death says nothing about the next one. */
const WELL_STARTED = 10_000;
/** Early deaths in one place, one after the other, until it is given up. */
const MAX_EARLY_DEATHS = 5;
/** Milliseconds before a place is filled again; doubled with each early death. */
const PAUSE = { first: 100, longest: 5_000 };
/** Milliseconds: a little longer than a worker's own drain. Whoever is still there then is ended. */
const LEAVE_TIMEOUT = 12_000;
/** Milliseconds that a new worker has to take requests. */
const START_TIMEOUT = 60_000;

/** Milliseconds between two looks at a worker. */
const LOOK = 2_000;
/** Milliseconds. A worker that says nothing for so long stands still: it is ended, and another takes its place. */
const STANDSTILL = 10_000;

interface Place<M extends Member> {
  member: M;
  earlyDeaths: number;
}

/** Starts `size` workers, and keeps as many until it is stopped. */
export function createFleet<M extends Member>({ size, fork, log }: Deps<M>): Fleet<M> {
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const alive = new Set<M>();
  let stopping = false;
  let rolling: Promise<void> = Promise.resolve();

  function start(): M {
    const member = fork();
    alive.add(member);
    void member.gone.then(() => alive.delete(member));
    void member.listening.then((listens) => {
      if (!listens) return;
      log.info({ worker: member.pid }, 'a worker listens');
      void watch(member);
    });
    return member;
  }

  /** Until it leaves, or is gone. */
  async function watch(member: M): Promise<void> {
    for (;;) {
      await delay(LOOK, undefined, { ref: false });
      if (!member.isListening()) return;
      if ((await member.responds(STANDSTILL)) || !member.isListening()) continue;
      log.error({ worker: member.pid }, 'a worker stands still and is ended');
      member.kill();
      return;
    }
  }

  function keep(place: Place<M>): void {
    const { member } = place;
    const started = performance.now();
    void member.gone.then(async (how) => {
      if (stopping || place.member !== member) return;
      place.earlyDeaths = performance.now() - started < WELL_STARTED ? place.earlyDeaths + 1 : 0;
      log.error({ worker: member.pid, how }, 'a worker ended');
      if (place.earlyDeaths >= MAX_EARLY_DEATHS) {
        fail(new WorkersFailed(`Workers end as soon as they are started (${how}); the log says why.`));
        return;
      }
      await delay(Math.min(PAUSE.first * 2 ** place.earlyDeaths, PAUSE.longest));
      if (stopping || place.member !== member) return;
      place.member = start();
      keep(place);
    });
  }

  async function replace(place: Place<M>): Promise<boolean> {
    const next = start();
    const listens = await within(START_TIMEOUT, next.listening);
    if (stopping) return false;
    if (listens !== true) {
      next.kill();
      log.error({ worker: next.pid }, 'the new worker does not start; the old ones stay');
      return false;
    }
    const old = place.member;
    place.member = next;
    place.earlyDeaths = 0;
    keep(place);
    await dismiss(old);
    log.info({ worker: next.pid, instead_of: old.pid }, 'worker replaced');
    return true;
  }

  async function dismiss(member: Member): Promise<void> {
    member.leave();
    if ((await within(LEAVE_TIMEOUT, member.gone)) !== undefined) return;
    log.warn({ worker: member.pid }, 'a worker did not drain in time');
    member.kill();
    await member.gone;
  }

  const places = Array.from({ length: size }, (): Place<M> => ({ member: start(), earlyDeaths: 0 }));
  for (const place of places) keep(place);

  async function rollOnce(): Promise<void> {
    log.info('replacing the workers, one after the other');
    for (const place of places) if (stopping || !(await replace(place))) return;
  }

  return {
    failed,
    listening: () => places.map(({ member }) => member).filter((member) => member.isListening()),
    roll() {
      rolling = rolling.then(rollOnce);
      return rolling;
    },
    async stop() {
      stopping = true;
      await Promise.all([...alive].map(dismiss));
      await rolling;
    },
  };
}

/** What comes within so many milliseconds; else `undefined`. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  try {
    return await Promise.race([promise, delay(ms, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
