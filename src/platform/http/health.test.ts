import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';
import { createLogger } from '../observability/index.ts';

import { createInternalApp } from './health.ts';

describe('/healthz of the public listener', () => {
  let app: ListeningApp;
  beforeAll(async () => {
    app = await listenWith(() => () => {});
  });
  afterAll(() => app.close());

  it('answers probes under whatever name they use, and says nothing else', async () => {
    const answer = await app.ask('/healthz', { headers: { Host: '127.0.0.1' } });

    expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('has no /readyz and no /metrics', async () => {
    for (const path of ['/readyz', '/metrics']) expect((await app.ask(path)).status).toBe(404);
  });
});

describe('the internal listener', () => {
  const state = { store: true, leaving: false };
  const app = createInternalApp({
    log: createLogger({ level: 'silent' }),
    checks: [
      {
        name: 'database',
        check: async () => {
          if (!state.store) throw new Error('away');
        },
      },
    ],
    draining: () => state.leaving,
  });
  const server = createServer(app.callback());
  const ready = async () => {
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`);
    return [answer.status, await answer.json()];
  };
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('Y7: is ready while every check passes, and names the one that does not', async () => {
    expect(await ready()).toEqual([200, { status: 'ready' }]);
    state.store = false;
    expect(await ready()).toEqual([503, { status: 'not ready', failing: ['database'] }]);
    state.store = true;
  });

  it('Y6: is not ready any more while the process drains', async () => {
    state.leaving = true;
    expect(await ready()).toEqual([503, { status: 'draining', failing: [] }]);
    state.leaving = false;
  });
});
