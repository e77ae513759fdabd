import { parentPort } from 'node:worker_threads';

import { giveWay } from '../../threads/give-way.ts';
import { createGuard, type Guarded } from '../create.ts';
import { FetchRefused } from '../errors.ts';
import type { Outbound } from '../fetch.ts';
import { systemOutbound } from '../outbound.ts';

import type { Order, OutboundModule, Outcome } from './messages.ts';

/** Fetches what the thread that answers requests orders, and gives way to it. */
export async function fetchOnOrder(module: OutboundModule | undefined): Promise<void> {
  giveWay();
  const outbound = module ? await load(module) : systemOutbound;
  const ways = new Map<number, Guarded>();

  parentPort?.on('message', async ({ id, way, url, request }: Order) => {
    const fetch = ways.get(way) ?? createGuard(outbound);
    ways.set(way, fetch);
    const outcome = await fetch(url, request).then(
      (fetched): Outcome => ({ id, fetched }),
      (error: unknown): Outcome =>
        error instanceof FetchRefused ? { id, refused: error.detail } : { id, failed: error },
    );
    parentPort?.postMessage(outcome);
  });
}

async function load({ module, settings }: OutboundModule): Promise<Outbound> {
  const { default: create } = (await import(module)) as { default: (settings: unknown) => Outbound };
  return create(settings);
}
