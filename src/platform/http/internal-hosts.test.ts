import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { createLogger } from '../observability/index.ts';

import { createInternalApp } from './health.ts';

const app = createInternalApp({
  log: createLogger({ level: 'silent' }),
  draining: () => false,
  checks: [],
  metrics: async () => ({ contentType: 'text/plain', text: 'up 1' }),
  hosts: ['gatehouse.internal'],
});
const server = createServer(app.callback());
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

const statusFor = (path: string, host: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const { port } = server.address() as AddressInfo;
    request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });

it('SEC-L13: the internal listener refuses metrics and probes when the Host is not known', async () => {
  for (const path of ['/metrics', '/readyz', '/healthz']) {
    for (const host of [
      'evil.example',
      'evil.example:4002',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
    ]) {
      expect(await statusFor(path, host)).toBe(421);
    }
  }
});

it('SEC-L13: the internal listener answers for localhost, IP addresses and configured names', async () => {
  for (const host of [
    'localhost:4002',
    'LOCALHOST',
    '127.0.0.1:4002',
    '10.1.2.3',
    '[::1]:4002',
    'gatehouse.internal',
  ]) {
    expect(await statusFor('/metrics', host)).toBe(200);
  }
});
