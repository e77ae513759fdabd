import type { Client } from 'oidc-provider';
import type { Pool } from 'pg';

import {
  type ClientIdentity,
  clientIdentity,
  type DocumentMode,
  findStanding,
} from '../../domain/admission/index.ts';
import type { TrustLevel } from '../../domain/authority/index.ts';
import { findClient } from '../../domain/clients/index.ts';

/** What is known of a client before a tenant is. */
export interface ClientBeforeSignIn {
  readonly trust: TrustLevel;
  readonly identity: ClientIdentity;
}

/**
 * Returns how far a client is trusted while no tenant is known: at the tenant that registered it, and a document by
 * the rules of the default tenant. Says nothing of the tenant of the resource. `blocked` when it is not admitted.
 */
export async function clientBeforeSignIn(
  {
    pool,
    documents,
    defaultTenant,
  }: { readonly pool: Pool; readonly documents: DocumentMode; readonly defaultTenant: string },
  client: Client,
  redirectUri: string,
): Promise<ClientBeforeSignIn> {
  const { clientId } = client;
  const known = await findClient(pool, clientId);
  const tenantId = known && known.registration !== 'document' ? known.tenantId : defaultTenant;
  const standing = await findStanding(pool, { clientId, tenantId, documents });
  if (!standing) return { trust: 'blocked', identity: 'unverified' };
  const { registration, trust, trustGiven } = standing;
  return {
    trust,
    identity: clientIdentity({ registration, trust, trustGiven, redirectUris: [redirectUri] }),
  };
}
