import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  type Copies,
  createCopies,
  createGuardedFetch,
  FetchRefused,
  sweepCopies,
} from '../../../src/platform/fetch/index.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

let store: TestDatabase;
let web: TestWeb;
/** Of two processes. */
let ours: Copies;
let theirs: Copies;
let outcomes: string[] = [];

const create = () =>
  createCopies({
    pool: store.database.pool,
    fetch: createGuardedFetch({ outbound: web.outbound }),
    kind: 'test',
    request: { accept: ['application/json'], maxBytes: 1000, timeoutMs: 400 },
    fresh: { min: 30, max: 3600 },
    read: (_url, { body }) => {
      if (body.toString() === 'bad') throw new FetchRefused('not_what_it_should_be');
      return body;
    },
    asked: (outcome) => outcomes.push(outcome),
  });

beforeAll(async () => {
  store = await createTestDatabase();
  web = await startTestWeb();
  ours = create();
  theirs = create();
});
afterAll(async () => {
  await web.stop();
  await store.drop();
});
beforeEach(() => {
  web.asked.length = 0;
  outcomes = [];
});

let named = 0;
function newUrl(answer: () => Response | Promise<Response>): string {
  named += 1;
  const url = `https://host${named}.example/x`;
  web.publish(url, answer);
  return url;
}
const json = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  new Response(body, { headers: { 'content-type': 'application/json', ...headers } });
const text = async (copy: Promise<Buffer>) => (await copy).toString();

/** As if so many seconds had passed for what is kept of it. */
async function pass(url: string, seconds: number): Promise<void> {
  await store.database.pool.query(
    `UPDATE web_copies SET fresh_until = fresh_until - $2 * interval '1 second',
       failed_at = failed_at - $2 * interval '1 second', tried_at = tried_at - $2 * interval '1 second'
     WHERE url = $1`,
    [url, seconds],
  );
}
const rowOf = async (url: string) =>
  (await store.database.pool.query('SELECT * FROM web_copies WHERE url = $1', [url])).rows[0];

describe('a copy', () => {
  it('MCP 50, K8: is fetched once for all processes, and again when its time is over', async () => {
    let version = 0;
    const url = newUrl(() => {
      version += 1;
      return json(`${version}`, { 'cache-control': 'max-age=600' });
    });
    expect(await text(ours.get(url))).toBe('1');
    expect(await text(theirs.get(url))).toBe('1');
    await pass(url, 590);
    expect(await text(theirs.get(url))).toBe('1');
    await pass(url, 11);
    expect(await text(theirs.get(url))).toBe('2');
    expect(await text(ours.get(url))).toBe('2');
    expect(web.asked).toHaveLength(2);
    expect(outcomes).toEqual(['fetched', 'fetched']);
  });

  it('K10: is fetched once by a thousand who ask at the same time, in one process and in two', async () => {
    const url = newUrl(async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      return json('1');
    });
    const asked = Array.from({ length: 500 }, () => [ours.get(url), theirs.get(url)]).flat();
    expect(new Set((await Promise.all(asked)).map(String))).toEqual(new Set(['1']));
    expect(web.asked).toHaveLength(1);
  });

  it('is asked leave for only where nobody has a good one', async () => {
    const url = newUrl(() => json('1'));
    const admit = () => Promise.reject(new Error('not now'));
    await expect(ours.get(url, { admit })).rejects.toThrow('not now');
    expect(web.asked).toEqual([]);
    await ours.get(url);
    await pass(url, 31);
    expect(await text(ours.get(url, { admit }))).toBe('1');
    expect(web.asked).toHaveLength(2);
  });

  it('K10: is asked leave for by one of all who wait for it, however long the answer takes', async () => {
    const url = newUrl(() => json('1'));
    let asked = 0;
    const admit = async () => {
      asked += 1;
      await store.database.pool.query('SELECT 1');
    };
    const copies = await Promise.all(Array.from({ length: 50 }, () => ours.get(url, { admit })));
    expect(new Set(copies.map(String))).toEqual(new Set(['1']));
    expect(asked).toBe(1);
    expect(web.asked).toHaveLength(1);
  });

  it('K10: is refused to whoever gets no leave, and to nobody who gets it', async () => {
    const url = newUrl(() => json('1'));
    // All wait for the first, whose leave is not decided before they do.
    const decided = Promise.withResolvers<void>();
    let asked = 0;
    const admit = async () => {
      asked += 1;
      if (asked === 1) await decided.promise;
      await store.database.pool.query('SELECT 1');
      if (asked <= 5) throw new Error('too many');
    };
    const outcomes = Array.from({ length: 10 }, () =>
      ours.get(url, { admit }).then(String, ({ message }: Error) => message),
    );
    await store.database.pool.query('SELECT 1');
    decided.resolve();
    const counts = Object.groupBy(await Promise.all(outcomes), (outcome) => outcome);
    expect(counts['too many']).toHaveLength(5);
    expect(counts['1']).toHaveLength(5);
    expect(asked).toBe(6);
    expect(web.asked).toHaveLength(1);
  });

  it('is found by its hash', async () => {
    const url = newUrl(() => json('{"found":true}'));
    const hash = createHash('sha256').update('{"found":true}').digest();
    expect(await ours.findByHash(hash)).toBeUndefined();
    await ours.get(url);
    expect(String(await theirs.findByHash(hash))).toBe('{"found":true}');
  });
});

describe('a failure', () => {
  it.each([
    ['an error', () => new Response('{}', { status: 500, headers: { 'cache-control': 'max-age=600' } })],
    ['bad content', () => json('bad', { 'cache-control': 'max-age=600' })],
    ['nothing', () => Promise.reject(new Error('reset'))],
  ] as const)(
    'MCP 56, K8: %s is not kept: the URL is left alone for ten seconds by all processes, and then asked again',
    async (_what, failure) => {
      let heals = false;
      const url = newUrl(() => (heals ? json('good') : failure()));
      await expect(ours.get(url)).rejects.toThrow(FetchRefused);
      heals = true;
      await expect(ours.get(url)).rejects.toThrow(FetchRefused);
      await expect(theirs.get(url)).rejects.toThrow(FetchRefused);
      expect(web.asked).toHaveLength(1);
      expect((await rowOf(url)).content).toBeNull();
      await pass(url, 10);
      expect(await text(theirs.get(url))).toBe('good');
      expect((await rowOf(url)).failure).toBeNull();
    },
  );

  it('MCP 56: leaves the last good copy standing, for an hour past its time', async () => {
    let fails = false;
    const url = newUrl(() => (fails ? json('bad') : json('good')));
    await ours.get(url);
    fails = true;
    await pass(url, 31);
    expect(await text(ours.get(url))).toBe('good');
    expect(await text(theirs.get(url))).toBe('good');
    expect(web.asked).toHaveLength(2);
    expect(outcomes).toEqual(['fetched', 'stale', 'stale']);
    await pass(url, 3_500);
    expect(await text(ours.get(url))).toBe('good');
    await pass(url, 100);
    await expect(ours.get(url)).rejects.toThrow(FetchRefused);
  });

  it('K11: of a URL that is left alone says what it said the first time', async () => {
    const url = newUrl(() => json('bad'));
    const first = await ours.get(url).catch(String);
    expect(await theirs.get(url).catch(String)).toBe(first);
    await expect(theirs.get(url)).rejects.toMatchObject({ detail: 'not_what_it_should_be' });
  });

  it('does not wait for ever for a process that died while it fetched', async () => {
    const url = newUrl(() => json('1'));
    await store.database.pool.query(
      `INSERT INTO web_copies (kind, url, claimed_until) VALUES ('test', $1, now() + interval '300 milliseconds')`,
      [url],
    );
    expect(await text(ours.get(url))).toBe('1');
  });
});

describe('the table of copies', () => {
  it('K10: is bounded, and loses first what was asked for longest ago', async () => {
    const { pool } = store.database;
    const old = newUrl(() => json('old'));
    await ours.get(old);
    await pass(old, 1000);
    await pool.query(
      `INSERT INTO web_copies (kind, url, content)
       SELECT 'flood', 'https://flood.example/' || n, 'x' FROM generate_series(1, 6000) n`,
    );
    for (let at = 0; at < 12; at += 1) await ours.get(newUrl(() => json('1')));
    const { rows } = await pool.query('SELECT count(*)::int AS count FROM web_copies');
    expect(rows[0].count).toBeLessThanOrEqual(5_001);
    expect(await rowOf(old)).toBeUndefined();
  });

  it('K10: loses failures before copies, however many and however new', async () => {
    const { pool } = store.database;
    await pool.query('DELETE FROM web_copies');
    const old = newUrl(() => json('old'));
    await ours.get(old);
    await pass(old, 1000);
    await pool.query(
      `INSERT INTO web_copies (kind, url, failure, failed_at)
       SELECT 'flood', 'https://flood.example/' || n, 'x', now() FROM generate_series(1, 6000) n`,
    );
    for (let at = 0; at < 12; at += 1) await ours.get(newUrl(() => json('1')));
    expect(await rowOf(old)).toBeDefined();
  });

  it('is swept of failures that were, and of what nobody asks for', async () => {
    const failed = newUrl(() => json('bad'));
    const forgotten = newUrl(() => json('1'));
    const kept = newUrl(() => json('1'));
    await ours.get(failed).catch(() => {});
    for (const url of [forgotten, kept]) await ours.get(url);
    await pass(failed, 121);
    await pass(forgotten, 2 * 86_400 + 1);
    await sweepCopies(store.database.pool);
    expect(await rowOf(failed)).toBeUndefined();
    expect(await rowOf(forgotten)).toBeUndefined();
    expect(await rowOf(kept)).toBeDefined();
  });
});
