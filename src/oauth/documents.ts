import type { Pool } from 'pg';

import {
  type ClientMetadata,
  createDocuments,
  DocumentInvalid,
  type Documents,
  MAX_DOCUMENT,
  readDocument,
} from '../domain/clients/index.ts';
import { type CopyOutcome, createCopies, type GuardedFetch } from '../platform/fetch/index.ts';
import { createPace, type Limiter, networkKey, Throttled } from '../platform/throttle/index.ts';

export interface DocumentsDeps {
  readonly pool: Pool;
  readonly fetch: GuardedFetch;
  /** Milliseconds. */
  readonly timeout: number;
  /** Documents that nobody has a copy of: looked up for one network, and at one host. */
  readonly limiters: { readonly perNetwork: Limiter; readonly perHost: Limiter };
  /** Why the library would not take a client of these metadata; `undefined` when it would. */
  readonly whyUnusable: (metadata: ClientMetadata) => string | undefined;
  /** Is told of each that was just fetched. */
  readonly fetched: (metadata: ClientMetadata) => void;
  /** Is told how each was had that was not fresh. */
  readonly asked: (outcome: CopyOutcome) => void;
}

/** Seconds for which a document is kept, whatever its headers say (draft 02 §5.2). */
const FRESH = { min: 30, max: 86_400 };

/** Milliseconds between two fetches that begin, and those that one waits for its own. */
const BEGIN = { every: 40, patience: 4_000 };

/** Metadata documents: fetched through the guard, kept for all processes, and only if they can be used. */
export function openDocuments({
  pool,
  fetch,
  timeout,
  limiters,
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
      fetched(metadata);
      return body;
    },
    asked,
  });
  const pace = createPace(BEGIN);
  return createDocuments({
    copies,
    admit: async (url, network) => {
      if (network !== undefined) await take(limiters.perNetwork, networkKey(network));
      await take(limiters.perHost, new URL(url).hostname);
      await pace();
    },
  });
}

async function take(limiter: Limiter, key: string): Promise<void> {
  const { allowed, retryAfter } = await limiter.take(key);
  if (!allowed) throw new Throttled(retryAfter);
}
