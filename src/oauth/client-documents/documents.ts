import type { Pool } from 'pg';

import {
  type ClientMetadata,
  createDocuments,
  DocumentInvalid,
  type Documents,
  MAX_DOCUMENT,
  readDocument,
} from '../../domain/clients/index.ts';
import { widestPrefix } from '../../kernel/network.ts';
import {
  type CopyOutcome,
  createCopies,
  FetchRefused,
  type GuardedFetch,
} from '../../platform/fetch/index.ts';
import { createPace, type Limiter, type PrefixLimiter, Throttled } from '../../platform/throttle/index.ts';

/** Limits of lookups of metadata documents that no copy answers. */
export interface DocumentLimiters {
  /** For one network and its prefixes. */
  readonly perNetwork: PrefixLimiter;
  /** At one host, for all networks. */
  readonly perHost: Limiter;
  /** The same without a signed-in person, in all and for one widest prefix. */
  readonly perHostAnonymous: Limiter;
  readonly perHostAndPrefix: Limiter;
}

export interface DocumentsDeps {
  readonly pool: Pool;
  readonly fetch: GuardedFetch;
  /** Milliseconds. */
  readonly timeout: number;
  /** Limits of lookups of documents without a copy. */
  readonly limiters: DocumentLimiters;
  /** Whether a person is signed in where the request in hand comes from. */
  readonly signedIn: () => Promise<boolean>;
  /** Why the library would not take a client of these metadata; `undefined` when it would. */
  readonly whyUnusable: (metadata: ClientMetadata) => string | undefined;
  /** Called with each document that was just fetched. */
  readonly fetched: (url: string, metadata: ClientMetadata) => void;
  /** Is told how each was had that was not fresh. */
  readonly asked: (outcome: CopyOutcome) => void;
}

/** Seconds for which a document is kept, whatever its headers say (draft 02 §5.2). */
const FRESH = { min: 30, max: 86_400 };

/** Lookups that a failed one costs its network beyond itself. */
const FAILURE_COST = 2;

/** Milliseconds between two fetches that begin, and those that one waits for its own. */
const BEGIN = { every: 40, patience: 4_000 };

/** Metadata documents: fetched through the guard, kept for all processes, and only if they can be used. */
export function openDocuments({
  pool,
  fetch,
  timeout,
  limiters,
  signedIn,
  whyUnusable,
  fetched,
  asked,
}: DocumentsDeps): Documents {
  const copies = createCopies({
    pool,
    fetch,
    kind: 'document',
    request: {
      accept: ['application/json', 'application/*+json'],
      maxBytes: MAX_DOCUMENT,
      timeoutMs: timeout,
    },
    fresh: FRESH,
    read: (url, { body }) => {
      const metadata = readDocument(url, body);
      const reason = whyUnusable(metadata);
      if (reason !== undefined) throw new DocumentInvalid(reason);
      fetched(url, metadata);
      return body;
    },
    asked,
  });
  const pace = createPace(BEGIN);
  return createDocuments({
    copies,
    /**
     * A host's budget is shared: without a signed-in person a prefix has a small part of it, and all prefixes
     * together leave a reserve for signed-in people.
     */
    admit: async (url, network) => {
      const host = new URL(url).hostname;
      if (network !== undefined) await take(limiters.perNetwork, network);
      if (network !== undefined && !(await signedIn())) {
        await take(limiters.perHostAndPrefix, shareOf(host, network));
        await take(limiters.perHostAnonymous, host);
      }
      await take(limiters.perHost, host);
      await pace();
    },
    failed: async (url, network, error) => {
      if (network === undefined || !(error instanceof FetchRefused)) return;
      await limiters.perNetwork.take(network, FAILURE_COST);
      await limiters.perHostAndPrefix.take(shareOf(new URL(url).hostname, network), FAILURE_COST);
    },
  });
}

function shareOf(host: string, network: string): string {
  return JSON.stringify([host, widestPrefix(network)]);
}

async function take(limiter: Limiter, key: string): Promise<void> {
  const { allowed, retryAfter } = await limiter.take(key);
  if (!allowed) throw new Throttled(retryAfter);
}
