/**
 * Observability: how the process tells what it does. One logger, made by the composition root.
 *
 * Does not own: the audit trail, which is a record of decisions and lives in the store.
 */

export { createLogger, type Logger } from './log.ts';
