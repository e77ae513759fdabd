import { randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterEach, expect, it } from 'vitest';

import { describeWith, redisUrl } from '../../../test/support/requirements.ts';
import { createLogger } from '../observability/index.ts';
import { openRedis, type Redis } from '../redis/index.ts';

import { createThrottle } from './throttle.ts';

const log = createLogger({ level: 'silent' });

/** A wire to Redis that can be cut, and held so that nothing comes through. */
async function wire(url: URL) {
  const sockets = new Set<Socket>();
  let held = false;
  const server: Server = createServer((near) => {
    const far = connect(Number(url.port || 6379), url.hostname);
    sockets.add(near).add(far);
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.on('data', (bytes) => void (held || far.write(bytes)));
    far.on('data', (bytes) => void (held || near.write(bytes)));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `redis://127.0.0.1:${port}`,
    hold: () => {
      held = true;
    },
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    mend: () => listen(port),
  };
}

describeWith('redis', 'createThrottle with Redis', () => {
  const url = new URL(redisUrl ?? 'redis://127.0.0.1:6379');
  const opened: Redis[] = [];
  const open = async (at: string) => {
    const redis = await openRedis(at, log);
    if (!redis) throw new Error('no Redis');
    opened.push(redis);
    return redis;
  };
  const limiterOn = (redis: Redis, name: string, points = 3) =>
    createThrottle({ redis, enabled: true }).limiter(name, { points, seconds: 60 });
  const taken = async (limiter: ReturnType<typeof limiterOn>, times: number) => {
    let allowed = 0;
    for (let i = 0; i < times; i += 1) if ((await limiter.take('key')).allowed) allowed += 1;
    return allowed;
  };
  afterEach(async () => {
    for (const redis of opened.splice(0)) await redis.close();
  });

  it('counts for all processes together', async () => {
    const name = randomUUID();
    const one = limiterOn(await open(url.href), name);
    const other = limiterOn(await open(url.href), name);

    expect(await taken(one, 2)).toBe(2);
    expect((await other.peek('key')).allowed).toBe(true);
    expect(await taken(other, 2)).toBe(1);
    const refused = await one.take('key');
    expect(refused.allowed).toBe(false);
    expect(refused.retryAfter).toBeGreaterThan(55);
    await other.reset('key');
    expect((await one.take('key')).allowed).toBe(true);
  });

  it('shares a bucket, and asks for it only when a process has used its own reserve of a key', async () => {
    const name = randomUUID();
    const limit = { burst: 16, intervalMs: 60_000 };
    const [one, other] = [await open(url.href), await open(url.href)].map((redis) =>
      createThrottle({ redis, enabled: true }).bucket(name, limit),
    );
    const client = createClient({ url: url.href });
    await client.connect();
    const inRedis = async () => (await client.keys(`*bucket:${name}:*`)).length;
    const takenFrom = async (bucket: typeof one, times: number) => {
      let allowed = 0;
      for (let i = 0; i < times; i += 1) if ((await bucket?.take('key'))?.allowed) allowed += 1;
      return allowed;
    };

    expect(await takenFrom(one, 2)).toBe(2);
    expect(await inRedis()).toBe(0);
    expect(await takenFrom(one, 10)).toBe(10);
    expect(await inRedis()).toBe(1);
    // The reserve of the other process, and what is left of the shared bucket.
    expect(await takenFrom(other, 20)).toBe(2 + 6);
    expect(await takenFrom(one, 1)).toBe(0);
    await client.quit();
  });

  it('keeps what was typed out of Redis, under keys of one slot that expire by themselves', async () => {
    const name = randomUUID();
    await limiterOn(await open(url.href), name).take('ada@acme.example');
    const client = createClient({ url: url.href });
    await client.connect();
    const keys = await client.keys(`*${name}*`);

    expect(keys).toEqual([expect.stringMatching(/^\{gatehouse\}:throttle:[\w-]+:[\w-]{22}$/)]);
    expect(await client.ttl(keys[0] ?? '')).toBeGreaterThan(0);
    client.destroy();
  });

  it('X6: still limits when Redis is cut off, and uses it again when it is back', async () => {
    const line = await wire(url);
    const redis = await open(line.url);
    const limiter = limiterOn(redis, randomUUID());
    expect(await taken(limiter, 1)).toBe(1);

    await line.cut();
    expect(await taken(limiter, 10)).toBe(3);

    await line.mend();
    await expect.poll(() => redis.isReady(), { timeout: 10_000 }).toBe(true);
    await sleep(1_100);
    expect(await taken(limiter, 10)).toBe(2);
    await redis.close();
    opened.length = 0;
    await line.cut();
  });

  it('X6: still limits when Redis is silent, and does not make every request wait for it', async () => {
    const line = await wire(url);
    const limiter = limiterOn(await open(line.url), randomUUID());
    expect(await taken(limiter, 1)).toBe(1);

    line.hold();
    expect(await taken(limiter, 20)).toBe(3);
    await line.cut();
  });

  it('X6: a Redis that is not there at the start delays it and stops nothing', async () => {
    const line = await wire(url);
    await line.cut();
    const redis = await open(line.url);

    expect(redis.isReady()).toBe(false);
    expect(await taken(limiterOn(redis, randomUUID()), 10)).toBe(3);
  });
});
