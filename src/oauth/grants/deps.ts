import type { Pool } from 'pg';

import type { Lifetimes } from '../../config/config.ts';
import type { DocumentMode } from '../../domain/admission/index.ts';
import type { DerivationSecret } from '../../domain/grants/index.ts';

/** What both grants stand on. */
export interface GrantDeps {
  readonly pool: Pool;
  readonly issuer: string;
  readonly lifetimes: Lifetimes;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
  /** Signs a JWT with the current key under the given `typ`. */
  readonly sign: (claims: object, header: { readonly typ: string }) => Promise<string>;
  /** The secret that refresh successors are derived with. */
  readonly derivation: {
    current(): Promise<DerivationSecret>;
    byVersion(version: number): Promise<DerivationSecret | undefined>;
  };
}
