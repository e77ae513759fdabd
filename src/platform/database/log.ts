import type { BaseLogger } from 'pino';

/** What the database needs of a logger; pino's own. */
export type Log = Pick<BaseLogger, 'debug' | 'info' | 'warn' | 'error'>;
