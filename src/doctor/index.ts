/**
 * Doctor: what MCP clients see when they come to a running server, and where they would stop.
 *
 *     shapes/    what each client does, as a table
 *     checks/    the server by itself: issuer, TLS, proxy, CORS, clocks, keys …
 *     replay/    the requests of one client after the other, judged as it judges them
 *
 * It speaks HTTP to the server, as clients do, and knows nothing of how the server is made: what only the
 * store can tell is passed in as `StoreFacts`. It leaves nothing behind.
 */

export { type ExaminationRequest, examine, type Report, Unreachable } from './examine.ts';
export type { Finding, Level } from './finding.ts';
export type { Diagnosis, Step } from './replay/index.ts';
export { SHAPES } from './shapes/index.ts';
export type { Refusal, StoreFacts } from './store.ts';
