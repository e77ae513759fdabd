import { Gauge, type Registry } from 'prom-client';

import type { AuditObserver } from '../domain/audit/index.ts';
import type { KeyInfo } from '../domain/keys/index.ts';
import type { Clock } from '../kernel/clock.ts';

import { revocationOf } from './actions.ts';

/** What is looked at when somebody asks. */
export interface Watched {
  readonly pool: { readonly totalCount: number; readonly idleCount: number; readonly waitingCount: number };
  readonly poolSize: number;
  /** Rejects while the store does not answer. */
  readonly checkStore: () => Promise<unknown>;
  readonly listKeys: () => Promise<readonly KeyInfo[]>;
  readonly passwordHashes: () => { readonly running: number; readonly waiting: number };
  /** Requests of people for clients that wait for an administrator. */
  readonly countClientRequests: () => Promise<number>;
  /** Absent where there is no Redis. */
  readonly redisReady: (() => boolean) | undefined;
  readonly clock: Clock;
  /** Seconds. */
  readonly accessTokenLifetime: number;
  /** Seconds; 0 when keys are replaced by people only. */
  readonly keyRotation: number;
}

/** The store has so many milliseconds to answer before it counts as away. */
const STORE_TIMEOUT = 2_000;

/** What is true at this moment, as far as this process can tell. */
export interface State {
  /** Looks. Never rejects: what cannot be known is left out, or is 0 where that says it. */
  look(): Promise<void>;
  /** Remembers when a connection ended, for `gatehouse_revocation_lag_seconds`. */
  readonly noteRevocation: AuditObserver;
}

export function observeState(registry: Registry, watched: Watched): State {
  const { pool, clock } = watched;
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers: [registry] });

  const storeUp = gauge(
    'gatehouse_store_up',
    '1 while PostgreSQL answers this process within 2 seconds, else 0',
  );
  const connections = gauge('gatehouse_database_pool_connections', 'Connections to PostgreSQL that are open');
  const idle = gauge('gatehouse_database_pool_idle', 'Connections to PostgreSQL that nobody uses');
  const waiting = gauge('gatehouse_database_pool_waiting', 'Statements that wait for a connection');
  const size = gauge('gatehouse_database_pool_size', 'Connections to PostgreSQL that there may be');
  const hashesRunning = gauge('gatehouse_password_hashes_running', 'Password hashes that are computed');
  const hashesWaiting = gauge(
    'gatehouse_password_hashes_waiting',
    'Password hashes that wait to be computed',
  );
  const keyAge = gauge(
    'gatehouse_signing_key_age_seconds',
    'How long the oldest published signing key of each state has been in it; absent while the store is away',
    ['state'],
  );
  const rotation = gauge(
    'gatehouse_signing_key_rotation_seconds',
    'Age at which a signing key is replaced by itself; 0 when people do it',
  );
  const lag = gauge(
    'gatehouse_revocation_lag_seconds',
    'How long a server that verifies offline may still accept a token of the connection that this process ended last; 0 when that is over',
  );
  const clientRequests = gauge(
    'gatehouse_client_requests',
    'Requests of people for clients that wait for an administrator; absent while the store is away',
    ['state'],
  );
  const { redisReady } = watched;
  const redisUp =
    redisReady &&
    gauge('gatehouse_redis_up', '1 while Redis is connected, else 0; absent where none is configured');
  size.set(watched.poolSize);
  rotation.set(watched.keyRotation);

  let revokedAt = Number.NEGATIVE_INFINITY;
  const secondsSince = (time: number) => Math.max(0, (clock().getTime() - time) / 1000);

  async function lookAtStore(): Promise<void> {
    const up = (await within(STORE_TIMEOUT, watched.checkStore())) !== undefined;
    storeUp.set(up ? 1 : 0);
    const keys = up ? await within(STORE_TIMEOUT, watched.listKeys()) : undefined;
    const ages = new Map<string, number>();
    for (const { state, since, published } of keys ?? []) {
      if (published) ages.set(state, Math.max(ages.get(state) ?? 0, secondsSince(since.getTime())));
    }
    keyAge.reset();
    for (const [state, age] of ages) keyAge.set({ state }, age);
    const requests = up ? await within(STORE_TIMEOUT, watched.countClientRequests()) : undefined;
    clientRequests.reset();
    if (requests !== undefined) clientRequests.set({ state: 'waiting' }, requests);
  }

  return {
    async look() {
      connections.set(pool.totalCount);
      idle.set(pool.idleCount);
      waiting.set(pool.waitingCount);
      const hashes = watched.passwordHashes();
      hashesRunning.set(hashes.running);
      hashesWaiting.set(hashes.waiting);
      redisUp?.set(redisReady?.() ? 1 : 0);
      lag.set(Math.max(0, watched.accessTokenLifetime - secondsSince(revokedAt)));
      await lookAtStore();
    },
    noteRevocation(record) {
      if (revocationOf(record)) revokedAt = clock().getTime();
    },
  };
}

/** What `asked` answers in time; `undefined` for a failure, and for silence. */
async function within<T>(ms: number, asked: Promise<T>): Promise<T | undefined> {
  const { promise: silence, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  try {
    return await Promise.race([asked, silence]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
