import type { Pool } from 'pg';

import type { Lifetimes } from '../../../config/config.ts';
import type { DocumentMode } from '../../../domain/admission/index.ts';
import type { DerivationSecret } from '../../../domain/grants/index.ts';
import type { Bucket, Limiter } from '../../../platform/throttle/index.ts';

/** How often one grant may ask for tokens. Counted for grants that exist, so that guesses fill nothing. */
export interface GrantRequestLimit {
  readonly requests: Bucket;
  /** Audit records of such refusals: one for each grant and window. */
  readonly records: Limiter;
}

/** What both grants stand on. */
export interface GrantDeps {
  readonly pool: Pool;
  readonly issuer: string;
  readonly lifetimes: Lifetimes;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  /** Signs a JWT with the current key under the given `typ`. */
  readonly sign: (claims: object, header: { readonly typ: string }) => Promise<string>;
  readonly requestLimit: GrantRequestLimit;
  /** The secret that refresh successors are derived with. */
  readonly derivation: {
    current(): Promise<DerivationSecret>;
    byVersion(version: number): Promise<DerivationSecret | undefined>;
    /** The newest, read from the store. */
    reload(): Promise<DerivationSecret>;
  };
}
