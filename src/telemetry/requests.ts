import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

import type { RequestObserver } from '../platform/http/index.ts';

/** Seconds. A token request takes a few milliseconds, a password a few tens, a stalled store some seconds. */
const BUCKETS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts and times the requests of the public listener. */
export function countRequests(registry: Registry): RequestObserver {
  const registers = [registry];
  const inFlight = new Gauge({
    name: 'gatehouse_http_in_flight',
    help: 'Requests that are being answered',
    registers,
  });
  const requests = new Counter({
    name: 'gatehouse_http_requests_total',
    help: 'Requests answered; the status is "aborted" where the caller went away first',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'gatehouse_http_request_duration_seconds',
    help: 'From the arrival of a request to the last byte of its answer',
    labelNames: ['route'],
    buckets: BUCKETS,
    registers,
  });

  return {
    started: () => inFlight.inc(),
    ended({ route, method, status, seconds }) {
      inFlight.dec();
      requests.inc({ route, method, status });
      durations.observe({ route }, seconds);
    },
  };
}
