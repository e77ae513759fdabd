import { enableCompileCache } from 'node:module';
import { workerData } from 'node:worker_threads';

import type { Beginning } from './messages.ts';

/*
 * The thread that fetches; in-thread.ts starts it. What is kept of its source is found before the source is read.
 */

const { outbound, compiled } = workerData as Beginning;
if (compiled !== undefined) enableCompileCache(compiled);
const { fetchOnOrder } = await import('./fetch-on-order.ts');
await fetchOnOrder(outbound);
