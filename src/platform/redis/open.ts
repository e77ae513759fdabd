import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { createClient } from 'redis';

export type RedisClient = ReturnType<typeof createClient>;

export interface Redis {
  readonly client: RedisClient;
  /** False while the connection is away; commands then fail at once. */
  isReady(): boolean;
  close(): Promise<void>;
}

/** Milliseconds that the start of the process waits for the first connection. */
const FIRST_CONNECTION = 2_000;
const CONNECT_TIMEOUT = 2_000;
/** A socket that is silent for so long, although pings are sent, is dead. Milliseconds. */
const PING_INTERVAL = 5_000;
const MAX_RECONNECT_DELAY = 2_000;

/**
 * Opens the connection to Redis and keeps it open for the life of the process.
 *
 * A Redis that is away, at the start or later, is a warning and no fault: nothing is queued, every
 * command fails at once, and the connection comes back by itself. `undefined` when no URL is given.
 *
 * @throws TypeError for a URL that is not one of Redis.
 */
export async function openRedis(url: string | undefined, log: Logger): Promise<Redis | undefined> {
  if (url === undefined) return undefined;

  // Hundreds of modules, which a start without Redis does not wait for.
  const redis = await import('redis');
  const client: RedisClient = redis.createClient({
    url,
    disableOfflineQueue: true,
    pingInterval: PING_INTERVAL,
    socket: {
      connectTimeout: CONNECT_TIMEOUT,
      socketTimeout: PING_INTERVAL * 2,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** Math.min(retries, 10), MAX_RECONNECT_DELAY),
    },
  });
  let away = false;
  client.on('error', (error: unknown) => {
    if (!away) log.warn({ err: error }, 'Redis is away; what it carries is done in this process meanwhile');
    away = true;
  });
  client.on('ready', () => {
    log.info(away ? 'Redis is back' : 'Redis is connected');
    away = false;
  });

  const connected = client.connect().catch((error: unknown) => log.warn({ err: error }, 'Redis is closed'));
  await Promise.race([connected, sleep(FIRST_CONNECTION, undefined, { ref: false })]);

  return {
    client,
    isReady: () => client.isReady,
    async close() {
      client.destroy();
      await connected;
    },
  };
}
