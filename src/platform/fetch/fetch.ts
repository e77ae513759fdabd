import type { Socket } from 'node:net';

/** What is asked for. */
export interface GuardedRequest {
  /** Media types that are taken, without parameters: `application/json`; a `+json` suffix is `application/*+json`. */
  readonly accept: readonly string[];
  /** The largest body that is read, in bytes. */
  readonly maxBytes: number;
  /** Milliseconds for everything together, name resolution included; 5,000 by default and at the most. */
  readonly timeoutMs?: number | undefined;
}

/** An answer with status 200. Everything else is refused. */
export interface Fetched {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly url: string;
}

/**
 * Fetches a URL that somebody else chose.
 *
 * @throws {FetchRefused} for every other outcome, and not before the time for it is over: neither the
 * error nor its moment tells whether the target was open, closed, forbidden or not there.
 */
export type GuardedFetch = (url: string, request: GuardedRequest) => Promise<Fetched>;

/** Ways out of a server, each with places of its own. */
export interface Ways {
  open(): GuardedFetch;
  /** Ends all of them, with whatever is fetched. */
  close(): Promise<void>;
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/**
 * How names become addresses, and addresses connections. What is given here is never trusted more
 * than the network itself: every address is checked before it is dialled, and what was dialled must
 * prove by TLS that it is the host.
 */
export interface Outbound {
  /** Every address of a host name, A and AAAA. Rejects, or answers none, when there is none. */
  resolve(hostname: string, signal: AbortSignal): Promise<readonly ResolvedAddress[]>;
  /** A connected TCP socket to exactly this address, on which nothing was said yet. */
  dial(target: ResolvedAddress & { readonly port: number; readonly signal: AbortSignal }): Promise<Socket>;
  /** Certificates, PEM, that are believed beside those of the system. */
  readonly ca?: readonly string[] | undefined;
}
