import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import type { OutboundModule } from '../../src/platform/fetch/index.ts';

import { createTestAuthority } from './certificates.ts';
import type { WebSettings } from './outbound-of-thread.ts';

/** A web of one real HTTPS server, for a thread that fetches. */
export interface WebOfThread {
  readonly outbound: OutboundModule;
  /** The priority that the thread had when it last asked for a name. */
  priority(): number;
  stop(): Promise<void>;
}

/** Starts a web on which every name is the same server, and those below `web.example` can prove it. */
export async function startWebOfThread(listener: RequestListener): Promise<WebOfThread> {
  const authority = createTestAuthority();
  const server = createServer(authority.certify('*.web.example'), listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const priority = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const { port } = server.address() as AddressInfo;
  return {
    outbound: {
      module: import.meta.resolve('./outbound-of-thread.ts'),
      settings: { ca: authority.ca, port, priority } satisfies WebSettings,
    },
    priority: () => priority[0] ?? 0,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
