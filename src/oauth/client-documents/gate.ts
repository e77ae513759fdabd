import type { KoaContextWithOIDC } from 'oidc-provider';
import Provider from 'oidc-provider';

import {
  admitDocument,
  type DocumentGate,
  type DocumentMode,
  type DocumentVerdict,
  judgeDocument,
} from '../../domain/admission/index.ts';
import type { GrantFacts } from '../../domain/grants/index.ts';
import { findResource } from '../../domain/resources/index.ts';
import type { Database } from '../../platform/database/index.ts';
import { isOpenToUser } from '../authorization/configuration/resources.ts';
import type { CurrentSession } from '../authorization/configuration/session.ts';

interface Deps {
  readonly database: Pick<Database, 'pool' | 'prisma'>;
  readonly documents: DocumentMode;
  /** Resource identifier for requests that name none. */
  readonly defaultResource: string | undefined;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
  readonly currentSession: CurrentSession;
  /** The grant behind what the request in hand presents, if it was read. */
  readonly presentedGrant: (ctx: KoaContextWithOIDC) => GrantFacts | undefined;
}

/**
 * The gate before clients that are named by the URL of a metadata document: one that is not let in is refused before
 * anything is fetched.
 *
 * At the token endpoint the answer came with the grant, in the one read that a token request makes. An authorization
 * is judged by the tenant of its resource once a member of that tenant is signed in. Before, the resource that a
 * request names has no say: the answer would tell whether another tenant has it (F7). Then a client is let in that the
 * default tenant lets in, or any tenant by a rule, and the page after the sign-in asks the tenant of the resource.
 */
export function createDocumentGate({
  database: { pool, prisma },
  documents,
  defaultResource,
  defaultTenant,
  currentSession,
  presentedGrant,
}: Deps): DocumentGate {
  return async (url) => {
    const ctx = Provider.ctx;
    const grant = ctx && presentedGrant(ctx);
    if (grant?.clientId === url) return admitDocument(documents, grant.clientStanding);
    if (!ctx) return judgeDocument(pool, { url, tenantId: undefined, documents });
    const tenantId = await tenantOfMember(ctx);
    return tenantId === undefined ? judgeAnywhere(url) : judgeDocument(pool, { url, tenantId, documents });
  };

  /** Returns the tenant of the resource that an authorization is for, if the signed-in user is a member of it. */
  async function tenantOfMember(ctx: KoaContextWithOIDC): Promise<string | undefined> {
    const session = await currentSession(ctx);
    const named = ctx.oidc.params?.['resource'] ?? defaultResource;
    if (!session || typeof named !== 'string') return undefined;
    const resource = await findResource(pool, named);
    return resource && (await isOpenToUser(prisma, session.user.id, resource))
      ? resource.tenantId
      : undefined;
  }

  async function judgeAnywhere(url: string): Promise<DocumentVerdict> {
    const verdict = await judgeDocument(pool, { url, tenantId: defaultTenant, documents });
    if (verdict.allowed || documents === 'open') return verdict;
    const elsewhere = await judgeDocument(pool, { url, tenantId: undefined, documents });
    return elsewhere.allowed ? elsewhere : verdict;
  }
}
