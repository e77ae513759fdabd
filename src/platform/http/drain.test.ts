import { Agent, get, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';

import { createDrain, type Drain } from './drain.ts';

/** An app whose `/slow` answers when it is told to. */
async function draining(graceMs?: number, lingerMs = 0) {
  const slow = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const made: { drain?: Drain } = {};
  const app: ListeningApp = await listenWith(
    () => async (ctx) => {
      if (ctx.path === '/slow') {
        entered.resolve();
        await slow.promise;
      }
      ctx.body = { path: ctx.path };
    },
    {
      beforeListening: (server: Server) => {
        made.drain = createDrain([server], { lingerMs, ...(graceMs === undefined ? {} : { graceMs }) });
      },
    },
  );
  if (made.drain === undefined) throw new Error('no drain');
  return { app, drain: made.drain, entered: entered.promise, finish: slow.resolve };
}

describe('createDrain', () => {
  it('Y6: finishes what is in flight, tells it to close, and accepts nothing new', async () => {
    const { app, drain, entered, finish } = await draining();
    const inFlight = app.ask('/slow');
    await entered;

    const left = drain.drain();
    expect(drain.draining()).toBe(true);
    await expect(app.ask('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    finish();

    const answer = await inFlight;
    expect(answer.status).toBe(200);
    expect(answer.headers['connection']).toBe('close');
    await left;
  });

  it('Y6: an idle connection does not hold it up', async () => {
    const { app, drain } = await draining();
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      get({ agent, port: app.port, host: '127.0.0.1', path: '/healthz' }, (response) => {
        response.resume().on('end', resolve);
      }).on('error', reject);
    });
    await sleep(10);

    await drain.drain();
    agent.destroy();
  });

  it('Y6: what takes longer than its time is cut off', async () => {
    const { app, drain, entered, finish } = await draining(100);
    const inFlight = app.ask('/slow');
    const cut = expect(inFlight).rejects.toThrow();
    await entered;

    await drain.drain();
    await cut;
    finish();
  });

  it('Y6: with time to linger, whoever uses an idle connection is answered and told to close it', async () => {
    const { app, drain } = await draining(undefined, 500);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<string | undefined>((resolve, reject) => {
        get({ agent, port: app.port, host: '127.0.0.1', path: '/healthz' }, (response) => {
          response.resume().on('end', () => resolve(response.headers.connection));
        }).on('error', reject);
      });
    expect(await ask()).toBe('keep-alive');
    await sleep(10);

    const started = performance.now();
    const left = drain.drain();
    await expect(app.ask('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await ask()).toBe('close');
    await left;
    expect(performance.now() - started).toBeLessThan(450);
    agent.destroy();
  });

  it('Y6: an idle connection that nobody uses is closed when the time to linger is over', async () => {
    const { app, drain } = await draining(undefined, 50);
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      get({ agent, port: app.port, host: '127.0.0.1', path: '/healthz' }, (response) => {
        response.resume().on('end', resolve);
      }).on('error', reject);
    });
    await drain.drain();
    agent.destroy();
  });

  it('is the same drain however often it is asked for', async () => {
    const { drain } = await draining();
    expect(drain.drain()).toBe(drain.drain());
    await drain.drain();
  });
});
