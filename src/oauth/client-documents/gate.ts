import type { KoaContextWithOIDC } from 'oidc-provider';
import Provider from 'oidc-provider';
import type { Pool } from 'pg';

import {
  admitDocument,
  type DocumentGate,
  type DocumentMode,
  judgeDocument,
} from '../../domain/admission/index.ts';
import type { GrantFacts } from '../../domain/grants/index.ts';
import { findResource } from '../../domain/resources/index.ts';

interface Deps {
  readonly pool: Pool;
  readonly documents: DocumentMode;
  /** Resource identifier for requests that name none. */
  readonly defaultResource: string | undefined;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  /** The grant behind what the request in hand presents, if it was read. */
  readonly presentedGrant: (ctx: KoaContextWithOIDC) => GrantFacts | undefined;
}

/**
 * The gate before clients that are named by the URL of a metadata document: off the list of a tenant they
 * are refused at its servers, before anything is fetched.
 *
 * At the token endpoint the answer came with the grant, in the one read that a token request makes. Elsewhere
 * the request says for which server it is, and with that for which tenant.
 */
export function createDocumentGate({
  pool,
  documents,
  defaultResource,
  defaultTenant,
  presentedGrant,
}: Deps): DocumentGate {
  return async (url) => {
    const ctx = Provider.ctx;
    const grant = ctx && presentedGrant(ctx);
    if (grant?.clientId === url) return admitDocument(documents, grant.clientStanding);
    return judgeDocument(pool, { url, tenantId: ctx && (await tenantOf(ctx)), documents });
  };

  /** Of the server that the request is for; `undefined` when it does not say, or there is no such server. */
  async function tenantOf({ oidc }: KoaContextWithOIDC): Promise<string | undefined> {
    const named = oidc.params?.['resource'];
    const resource = named ?? (oidc.route === 'authorization' ? defaultResource : undefined);
    if (typeof resource === 'string') return (await findResource(pool, resource))?.tenantId;
    return resource === undefined && oidc.route === 'authorization' ? defaultTenant : undefined;
  }
}
