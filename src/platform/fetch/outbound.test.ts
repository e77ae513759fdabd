import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemOutbound } from './outbound.ts';

describe('the network of this machine', () => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = createServer((socket) => socket.on('error', () => {}).end('hello'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => server.close());

  it('connects to the address that it is given', async () => {
    const socket = await systemOutbound.dial({
      address: '127.0.0.1',
      family: 4,
      port,
      signal: new AbortController().signal,
    });
    const [hello] = await once(socket, 'data');
    expect(String(hello)).toBe('hello');
    expect(socket.remoteAddress).toBe('127.0.0.1');
  });

  it('ends a connection, and an attempt at one, when it is told to', async () => {
    const over = new AbortController();
    const socket = await systemOutbound.dial({ address: '127.0.0.1', family: 4, port, signal: over.signal });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    over.abort();
    await closed;
    await expect(
      systemOutbound.dial({ address: '127.0.0.1', family: 4, port, signal: AbortSignal.abort() }),
    ).rejects.toThrow();
  });

  it('says so when nobody is there', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port: nobody } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const { signal } = new AbortController();
    await expect(
      systemOutbound.dial({ address: '127.0.0.1', family: 4, port: nobody, signal }),
    ).rejects.toThrow('ECONNREFUSED');
  });

  it('gives up on a name when it is told to, whatever the name servers do', async () => {
    await expect(systemOutbound.resolve('no-such-name.invalid', AbortSignal.timeout(50))).rejects.toThrow();
  });
});
