import '../../src/compiled-cache.ts';

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { OutboundModule } from '../../src/platform/fetch/index.ts';
import type { OnWeb } from '../web/outbound.ts';

/**
 * `gatehouse serve` on another web (`bench/web/outbound.ts`). Answers each message with what it has sent out, and
 * what it cannot forget.
 */
const [settings = '{}'] = process.argv.slice(2);
const sent = new Uint32Array(new SharedArrayBuffer(2 * Uint32Array.BYTES_PER_ELEMENT));
const outbound: OutboundModule = {
  module: import.meta.resolve('../web/outbound.ts'),
  settings: { ...(JSON.parse(settings) as Omit<OnWeb, 'sent'>), sent } satisfies OnWeb,
};

/** Two, because what waits to be finalized is freed by the second. */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function kept(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

// Afterwards, as `gatehouse serve` does it, so that it has what that has in memory.
const { loadConfig } = await import('../../src/config/load.ts');
const { startServer } = await import('../../src/main.ts');
const { untilStopped } = await import('../../src/until-stopped.ts');
const config = loadConfig(process.env);
const server = await startServer(config, { outbound });
process.on('message', () => {
  const [resolved, dialled] = sent;
  process.send?.({ resolved, dialled, kept: kept() });
});
await untilStopped(config);
await server.stop();
process.exit(0);
