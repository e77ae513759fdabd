import { expect, it, vi } from 'vitest';

import { endAfter, isEventStream } from './stream-end.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

it('a stream ends when its time is over, and its source learns of it', async () => {
  const cancelled = vi.fn();
  const source = new ReadableStream({
    start: (controller) => controller.enqueue(bytes('data: 1\n\n')),
    cancel: cancelled,
  });
  expect(await new Response(endAfter(source, 30)).text()).toBe('data: 1\n\n');
  expect(cancelled).toHaveBeenCalledOnce();
});

it('a stream that ends before is passed on whole', async () => {
  const source = new Response('data: 1\n\ndata: 2\n\n').body as ReadableStream<Uint8Array>;
  expect(await new Response(endAfter(source, 60_000)).text()).toBe('data: 1\n\ndata: 2\n\n');
});

it('a stream that fails, fails', async () => {
  const source = new ReadableStream({
    pull: (controller) => controller.error(new Error('broken')),
  });
  await expect(new Response(endAfter(source, 60_000)).text()).rejects.toThrow('broken');
});

it('a reader who goes away is heard by the source', async () => {
  const cancelled = vi.fn();
  await endAfter(new ReadableStream({ cancel: cancelled }), 60_000).cancel('gone');
  expect(cancelled).toHaveBeenCalledWith('gone');
});

it('only server-sent events are event streams', () => {
  expect(isEventStream('text/event-stream; charset=utf-8')).toBe(true);
  expect(isEventStream('application/json')).toBe(false);
  expect(isEventStream(undefined)).toBe(false);
});
