import type { Origin } from '../../kernel/origin.ts';

/** Where a person acts: the request, and the browser that sent it. */
export interface Browser {
  readonly origin: Origin;
  /** The `User-Agent` as sent. Only shown to its owner. */
  readonly userAgent?: string | undefined;
}
