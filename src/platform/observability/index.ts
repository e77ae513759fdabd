/**
 * Observability: how the process tells what it does. One logger, made by the composition root, and
 * traces where they are asked for.
 *
 * Does not own: the audit trail, which is a record of decisions and lives in the store, or what is
 * counted (`telemetry`).
 */

export { createLogger, type Logger } from './log.ts';
export { openTracing, type RequestTrace, type Trace, type Tracing } from './tracing.ts';
