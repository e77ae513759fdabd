import { getPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { startWebOfThread, type WebOfThread } from '../../../../test/support/web-of-thread.ts';
import { FetchRefused } from '../errors.ts';
import type { GuardedRequest, Ways } from '../fetch.ts';

import { createFetchThread } from './in-thread.ts';

const REQUEST = { accept: ['application/json'], maxBytes: 100_000, timeoutMs: 400 } satisfies GuardedRequest;
/** With time for a thread to begin. */
const PATIENT = { ...REQUEST, timeoutMs: 3_000 } satisfies GuardedRequest;

let web: WebOfThread;
let thread: Ways;
let ended: unknown[] = [];

beforeAll(async () => {
  web = await startWebOfThread(({ url }, response) => {
    if (url === '/never') return;
    if (url === '/missing') response.statusCode = 404;
    response.setHeader('content-type', 'application/json');
    response.end(url === '/large' ? Buffer.alloc(90_000, 0x31) : '{"a":1}');
  });
  thread = createFetchThread({ outbound: web.outbound, ended: (error) => ended.push(error) });
});
afterAll(async () => {
  await thread.close();
  await web.stop();
});
afterEach(() => {
  ended = [];
});

/** Why it was refused; fails when it was not. */
async function detailOf(fetching: Promise<unknown>): Promise<string> {
  const error: unknown = await fetching.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  expect(error).toBeInstanceOf(FetchRefused);
  return (error as FetchRefused).detail;
}

describe('a thread that fetches', () => {
  it('answers what is there', async () => {
    const fetch = thread.open();
    const { url, headers, body } = await fetch('https://app.web.example/client.json', PATIENT);
    expect({ url, type: headers['content-type'], body: body.toString() }).toEqual({
      url: 'https://app.web.example/client.json',
      type: 'application/json',
      body: '{"a":1}',
    });
    expect(body).toBeInstanceOf(Buffer);
    const large = await fetch('https://app.web.example/large', REQUEST);
    expect(large.body.equals(Buffer.alloc(90_000, 0x31))).toBe(true);
  });

  it.runIf(process.platform === 'linux')('gives way to the one that answers requests', async () => {
    const usual = getPriority();
    await thread.open()('https://app.web.example/client.json', PATIENT);
    expect(web.priority()).toBe(10);
    expect(getPriority()).toBe(usual);
  });

  it('K11: refuses with the reason and at one time, whatever the reason', async () => {
    const fetch = thread.open();
    await fetch('https://app.web.example/client.json', REQUEST);
    const reasons = {
      'https://app.web.example/missing': 'status_404',
      'https://app.web.example/never': 'timeout',
      'https://app.internal/': 'url_host',
    };
    for (const [url, reason] of Object.entries(reasons)) {
      const began = performance.now();
      expect(await detailOf(fetch(url, REQUEST))).toBe(reason);
      expect(performance.now() - began).toBeGreaterThanOrEqual(REQUEST.timeoutMs);
    }
  });

  it('K10: has places for each way, and a slow host keeps others from nothing', async () => {
    const [slow, other] = [thread.open(), thread.open()];
    const never = Array.from({ length: 40 }, () => detailOf(slow('https://slow.web.example/never', REQUEST)));
    expect((await other('https://slow.web.example/client.json', REQUEST)).body.toString()).toBe('{"a":1}');
    await Promise.all(never);
  });

  it('tells of what is our own fault as what it is', async () => {
    const asked = { ...REQUEST, accept: undefined } as unknown as GuardedRequest;
    await expect(thread.open()('https://app.web.example/client.json', asked)).rejects.toThrow(TypeError);
    expect(ended).toEqual([]);
  });
});

describe('what happens to a thread that fetches', () => {
  it.each([
    ['ends.example', /nobody caught it/],
    ['grows.example', /memory/],
  ])('MCP 51: %s is nobody else’s end, and the next fetch has another', async (host, why) => {
    const fetch = thread.open();
    const beside = detailOf(fetch('https://app.web.example/never', PATIENT));
    expect(await detailOf(fetch(`https://${host}/`, PATIENT))).toBe('no_fetcher');
    expect(await beside).toBe('no_fetcher');
    expect(ended).toEqual([expect.objectContaining({ message: expect.stringMatching(why) })]);
    expect((await fetch('https://app.web.example/client.json', PATIENT)).body.toString()).toBe('{"a":1}');
  });

  it('MCP 51: one that hangs is left in time, and ended', async () => {
    const fetch = thread.open();
    await fetch('https://app.web.example/client.json', PATIENT);
    const began = performance.now();
    expect(await detailOf(fetch('https://hangs.example/', REQUEST))).toBe('timeout');
    expect(performance.now() - began).toBeLessThan(4_000);
    while (ended.length === 0) await delay(50);
    expect(ended).toEqual([expect.objectContaining({ message: expect.stringContaining('does not answer') })]);
    const { body } = await fetch('https://app.web.example/client.json', PATIENT);
    expect(body.toString()).toBe('{"a":1}');
  });

  it('is not told of one that was closed, which refuses what it fetched and whatever comes', async () => {
    const fetch = thread.open();
    await fetch('https://app.web.example/client.json', PATIENT);
    const fetching = detailOf(fetch('https://app.web.example/never', REQUEST));
    await thread.close();
    expect(await fetching).toBe('no_fetcher');
    expect(await detailOf(fetch('https://app.web.example/client.json', REQUEST))).toBe('no_fetcher');
    expect(ended).toEqual([]);
  });
});
