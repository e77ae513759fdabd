/**
 * Telemetry: what this process counts of itself, told at `/metrics` of the internal listener.
 *
 *     a request ──▶ countRequests            an action ──▶ its audit record, committed ──▶ countActions
 *     a scrape  ──▶ observeState: pool, queues, store, Redis, keys
 *
 * Labels are words that are known beforehand. Who, which client, which connection and from where are
 * questions for the audit trail, and never become a label. The names are listed, with a line each, in
 * docs/operations/metrics.md.
 *
 * Does not own: the audit trail (`domain/audit`), the log and the traces (`platform/observability`).
 */

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

import type { AuditObserver } from '../domain/audit/index.ts';
import type { Exposition, RequestObserver } from '../platform/http/index.ts';

import { countActions } from './actions.ts';
import { countRequests } from './requests.ts';
import { observeState, type Watched } from './state.ts';

/** How a client's metadata document was had. */
export type DocumentOutcome = 'fetched' | 'stale' | 'failed';

export interface Telemetry {
  /** Of the public listener. */
  readonly requests: RequestObserver;
  /** Of the audit trail. */
  readonly actions: AuditObserver;
  /** A throttle counts in this process alone. */
  throttleDegraded(limiter: string): void;
  documentAsked(outcome: DocumentOutcome): void;
  /** From now on a scrape looks at these too. */
  watch(watched: Watched): void;
  scrape(): Promise<Exposition>;
}

/** @param version of this program. */
export function createTelemetry({ version }: { readonly version: string }): Telemetry {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'gatehouse_build_info',
    help: 'Always 1; what runs is in its labels',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1);

  const degraded = new Counter({
    name: 'gatehouse_throttle_degraded_total',
    help: 'How often a throttle went over to counting in this process alone, because Redis did not answer',
    labelNames: ['limiter'],
    registers,
  });
  const documents = new Counter({
    name: 'gatehouse_client_documents_total',
    help: 'Client metadata documents and key sets asked for: fetched, answered by a stale copy, failed',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['fetched', 'stale', 'failed'] satisfies DocumentOutcome[])
    documents.inc({ outcome }, 0);

  const countAction = countActions(registry);
  let state: ReturnType<typeof observeState> | undefined;
  let scraping: Promise<Exposition> | undefined;

  async function scrapeOnce(): Promise<Exposition> {
    await state?.look();
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  return {
    requests: countRequests(registry),
    actions(record) {
      countAction(record);
      state?.noteRevocation(record);
    },
    throttleDegraded: (limiter) => degraded.inc({ limiter }),
    documentAsked: (outcome) => documents.inc({ outcome }),
    watch(watched) {
      state = observeState(registry, watched);
    },
    scrape() {
      scraping ??= scrapeOnce().finally(() => {
        scraping = undefined;
      });
      return scraping;
    },
  };
}
