import type { Context } from 'koa';
import compose from 'koa-compose';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { aside, takeTurns } from './turns.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Requests to one process, each of which is worked on until it is told to end. */
function startRequests() {
  const { whole, begin } = takeTurns();
  const begun: string[] = [];

  function send(
    name: string,
    { path = '/authorize', work }: { path?: string; work?: () => Promise<void> } = {},
  ) {
    const end = Promise.withResolvers<void>();
    const ctx = { req: {}, path } as unknown as Context;
    const done = compose([
      whole,
      begin,
      async () => {
        begun.push(name);
        if (work) await aside(ctx, work).then(() => begun.push(`${name} again`));
        await end.promise;
      },
    ])(ctx, async () => {}).then(
      () => 'ended',
      (error: Error) => error.message,
    );
    return { end: end.resolve, fail: end.reject, done };
  }
  return { send, begun };
}
const soon = () => vi.advanceTimersByTimeAsync(0);

it('works on two authorization requests at once, and on the next in their order', async () => {
  const { send, begun } = startRequests();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => send(name));
  await soon();
  expect(begun).toEqual(['a', 'b']);
  b?.end();
  await b?.done;
  await soon();
  expect(begun).toEqual(['a', 'b', 'c']);
  a?.fail(new Error('no'));
  expect(await a?.done).toBe('no');
  await soon();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  c?.end();
  d?.end();
  await Promise.all([c?.done, d?.done]);
  const [e, f] = [send('e'), send('f', { path: '/authorize/some-uid' })];
  await soon();
  expect(begun.slice(4)).toEqual(['e', 'f']);
  e.end();
  f.end();
});

it('lets everything else through', async () => {
  const { send, begun } = startRequests();
  for (const name of ['a', 'b', 'c']) send(name);
  send('token', { path: '/token' });
  await soon();
  expect(begun.toSorted()).toEqual(['a', 'b', 'token']);
});

it('lets token requests go first, for ten milliseconds at the most', async () => {
  const { send, begun } = startRequests();
  const [one, two] = [send('token', { path: '/token' }), send('token', { path: '/token' })];
  for (const name of ['a', 'b', 'c']) send(name);
  await vi.advanceTimersByTimeAsync(5);
  one.end();
  await one.done;
  await soon();
  expect(begun).toEqual(['token', 'token']);
  two.fail(new Error('no'));
  await two.done;
  await soon();
  expect(begun.slice(2)).toEqual(['a', 'b']);
});

it('is kept waiting by tokens for no longer, however many they are', async () => {
  const { send, begun } = startRequests();
  send('token', { path: '/token' });
  const [a] = ['a', 'b', 'c'].map((name) => send(name));
  await vi.advanceTimersByTimeAsync(9);
  expect(begun).toEqual(['token']);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun.slice(1)).toEqual(['a']);
  await vi.advanceTimersByTimeAsync(10);
  expect(begun.slice(1)).toEqual(['a', 'b']);
  a?.end();
  await vi.advanceTimersByTimeAsync(10);
  expect(begun.slice(1)).toEqual(['a', 'b', 'c']);
});

it('leaves the turn to others while something is waited for', async () => {
  const { send, begun } = startRequests();
  const fetched = Promise.withResolvers<void>();
  const slow = [send('a', { work: () => fetched.promise }), send('b', { work: () => fetched.promise })];
  const [c, d] = [send('c'), send('d')];
  await soon();
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  fetched.resolve();
  await soon();
  expect(begun).toHaveLength(4);
  c.end();
  d.end();
  await Promise.all([c.done, d.done]);
  await soon();
  expect(begun.slice(4)).toEqual(['a again', 'b again']);
  for (const { end } of slow) end();
});

it('lets nobody wait for longer than five seconds, and has as many turns as before', async () => {
  const { send, begun } = startRequests();
  const stuck = [send('a'), send('b')];
  const [c, d] = [send('c'), send('d')];
  await vi.advanceTimersByTimeAsync(4_999);
  expect(begun).toEqual(['a', 'b']);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  for (const { end } of [c, d, ...stuck]) end();
  await Promise.all([c, d, ...stuck].map(({ done }) => done));
  for (const name of ['e', 'f', 'g']) send(name);
  await soon();
  expect(begun.slice(4)).toEqual(['e', 'f']);
});
