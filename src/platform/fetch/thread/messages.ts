import type { Fetched, GuardedRequest } from '../fetch.ts';

/** A module whose default export, called with the settings, is the `Outbound` of a thread, which cannot be handed one. */
export interface OutboundModule {
  /** A `file:` URL. */
  readonly module: string;
  readonly settings?: unknown;
}

/** What the thread is told when it begins. */
export interface Beginning {
  readonly outbound?: OutboundModule | undefined;
  /** Where what Node makes of the source is kept. */
  readonly compiled?: string | undefined;
}

/** Something to fetch; each `way` has places of its own. */
export interface Order {
  readonly id: number;
  readonly way: number;
  readonly url: string;
  readonly request: GuardedRequest;
}

/** What became of an order; `refused` is the `detail` of a `FetchRefused`, `failed` any other error. */
export type Outcome = { readonly id: number } & (
  | { readonly fetched: Fetched }
  | { readonly refused: string }
  | { readonly failed: unknown }
);
