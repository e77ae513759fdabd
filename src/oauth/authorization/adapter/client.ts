import type { Adapter, AdapterPayload, KoaContextWithOIDC } from 'oidc-provider';
import Provider, { errors } from 'oidc-provider';
import type { Pool } from 'pg';

import type { DocumentMode } from '../../../domain/admission/index.ts';
import { looksLikeDocumentUrl } from '../../../domain/clients/index.ts';
import {
  type ClientRow,
  loadPresented,
  type Presentation,
  type Presented,
} from '../../../domain/grants/index.ts';
import { type DocumentClientDeps, findDocumentClient } from '../../client-documents/document-client.ts';

import { unused } from './sealed-state.ts';
import { secretHashes } from './secret-hashes.ts';

/** What the request in hand presents, read together with its client. Gone with the request. */
const presentedBy = new WeakMap<object, { readonly presented: Presented | undefined }>();

/** The code or refresh token of the token request in hand; `undefined` when there is none such. */
export function presentedOf(ctx: KoaContextWithOIDC): Presented | undefined {
  return presentedBy.get(ctx)?.presented;
}

/** client_id, RFC 6749 appendix A.1, without space. Anything else is nobody's, and some of it no column can hold. */
export const CLIENT_ID = /^[\x21-\x7e]{1,2048}$/;

const PREVIOUS_SECRET =
  'CASE WHEN previous_secret_expires_at > now() THEN previous_secret_hash END AS previous_secret_hash';

const FIND = `
  SELECT id, tenant_id, registration, name, auth_method, secret_hash, ${PREVIOUS_SECRET}, redirect_uris, grant_types,
         trust, metadata, removed_at
  FROM clients WHERE id = $1
  UNION ALL
  SELECT id, tenant_id, 'resource', name, 'client_secret_basic', secret_hash, ${PREVIOUS_SECRET}, '{}', '{}',
         'known', '{}', removed_at
  FROM resources WHERE id = $1 AND secret_hash IS NOT NULL`;

export interface ClientAdapterDeps extends DocumentClientDeps {
  readonly pool: Pool;
  /** What is done with clients that are named by a URL. */
  readonly documents: DocumentMode;
}

/**
 * Clients as the library wants them.
 *
 * At the token endpoint the read also brings what the request presents, so that a refresh or a code
 * exchange costs two round trips in all, this one and the one that consumes. A resource with a
 * secret appears here as a client that may do nothing but introspect (RFC 7662 §2.1).
 *
 * A client that is named by the URL of its metadata document is what that says now where a person is asked, and
 * what it said when it was allowed something where it authenticates: there nothing is ever fetched. A
 * client that was registered here under such a URL wins.
 */
export function clientAdapter(deps: ClientAdapterDeps): Adapter {
  const { pool, documents, gate } = deps;
  return {
    async find(id) {
      if (!CLIENT_ID.test(id)) return undefined;
      const { ctx } = Provider;
      const row = await findRow(ctx, id);
      if (row && row.removed_at !== null) throw notAccepted(ctx, 'client was removed');
      if (row?.trust === 'blocked') throw notAccepted(ctx, 'client is blocked');
      if (row && row.registration !== 'document') return toMetadata(row);
      if (ctx?.oidc.route !== 'token')
        return looksLikeDocumentUrl(id) ? findDocumentClient(deps, ctx, id) : undefined;
      if (!row) return undefined;
      const verdict = await gate(id);
      if (!verdict.allowed) throw notAccepted(ctx, verdict.reason);
      return toMetadata(row);
    },

    upsert: unused,
    consume: unused,
    destroy: unused,
    revokeByGrantId: unused,
    findByUid: unused,
    findByUserCode: unused,
  };

  async function findRow(ctx: KoaContextWithOIDC | undefined, id: string): Promise<ClientRow | undefined> {
    const presentation = ctx && presentationOf(ctx);
    if (!presentation) {
      return (await pool.query<ClientRow>({ name: 'find-oauth-client', text: FIND, values: [id] })).rows[0];
    }
    const { client, presented } = await loadPresented(pool, id, presentation, documents);
    presentedBy.set(ctx, { presented });
    return client;
  }
}

/** Where clients authenticate it is 401, on which they register anew (RFC 6749 §5.2); elsewhere a person reads it. */
function notAccepted(ctx: KoaContextWithOIDC | undefined, detail: string): Error {
  return ctx?.oidc.route === 'token'
    ? new errors.InvalidClientAuth(detail)
    : new errors.InvalidClient('client is invalid', detail);
}

function presentationOf(ctx: KoaContextWithOIDC): Presentation | undefined {
  if (ctx.oidc.route !== 'token') return undefined;
  const { grant_type: type, code, refresh_token: refreshToken } = ctx.oidc.params ?? {};
  if (type === 'authorization_code' && typeof code === 'string') return { kind: type, value: code };
  if (type === 'refresh_token' && typeof refreshToken === 'string')
    return { kind: type, value: refreshToken };
  return undefined;
}

/** Members of the stored registration that the library understands and that mean something here. */
const KEPT = [
  'client_uri',
  'logo_uri',
  'policy_uri',
  'tos_uri',
  'jwks',
  'jwks_uri',
  'token_endpoint_auth_signing_alg',
];

function toMetadata(row: ClientRow): AdapterPayload {
  const native = row.metadata['application_type'] === 'native';
  const secret = secretHashes([row.secret_hash, row.previous_secret_hash]);
  const kept = Object.fromEntries(Object.entries(row.metadata).filter(([key]) => KEPT.includes(key)));
  return {
    ...kept,
    client_id: row.id,
    client_name: row.name,
    redirect_uris: row.redirect_uris,
    grant_types: row.grant_types,
    response_types: row.grant_types.includes('authorization_code') ? ['code'] : [],
    application_type: native ? 'native' : 'web',
    token_endpoint_auth_method: row.auth_method as NonNullable<AdapterPayload['token_endpoint_auth_method']>,
    ...(secret === undefined ? {} : { client_secret: secret }),
  };
}
