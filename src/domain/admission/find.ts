import type { Pool, PoolClient } from 'pg';

import type { TrustLevel } from '../authority/index.ts';

import { addedRedirectUris } from './catalogue.ts';
import type { DocumentRefusal, DocumentVerdict } from './gate.ts';
import { type ClientIdentity, clientIdentity } from './identity.ts';
import { admitDocument, type DocumentMode, ruledTrust, rulesAbout, standingOf, trustOf } from './standing.ts';

type Queryable = Pool | PoolClient;

const { where, order } = rulesAbout('$1');

/** The rule that decides at the tenant `$2`, or, where it is NULL, the one of each tenant. */
const RULES = `
  SELECT DISTINCT ON (r.tenant_id) r.trust, r.catalogue FROM client_rules r
  WHERE ($2::text IS NULL OR r.tenant_id = $2) AND ${where}
  ORDER BY r.tenant_id, ${order}`;

/**
 * Whether the client that is named by a URL is let in at a tenant. Where it cannot be known yet at which tenant,
 * it is enough that some tenant lets it in: then it may be looked at, as far as `untrusted`, and
 * the tenant decides when it is known.
 */
export async function judgeDocument(
  db: Queryable,
  {
    url,
    tenantId,
    documents,
  }: { readonly url: string; readonly tenantId: string | undefined; readonly documents: DocumentMode },
): Promise<DocumentVerdict> {
  if (documents === 'off') return admitDocument(documents, undefined);
  const { rows } = await db.query<{ trust: TrustLevel; catalogue: string | null }>({
    name: 'admission-rules-about',
    text: RULES,
    values: [url, tenantId ?? null],
  });
  const admitting = rows.filter(({ trust }) => trust !== 'blocked');
  const decisive = admitting[0] ?? rows[0];
  // A tenant that has no rule lets it in, where everything is let in that no rule speaks of.
  const nobodys = tenantId === undefined && documents === 'open';
  const verdict = admitDocument(documents, nobodys ? undefined : decisive?.trust);
  if (!verdict.allowed) return verdict;
  return {
    allowed: true,
    trust: tenantId === undefined ? 'untrusted' : verdict.trust,
    redirectUris: admitting.flatMap(({ catalogue }) => addedRedirectUris(catalogue)),
  };
}

const STANDING = `
  SELECT c.registration, c.created_at, c.removed_at IS NOT NULL AS removed, c.trust_given_at IS NOT NULL AS trust_given,
    CASE WHEN c.id IS NULL THEN ${ruledTrust('q.id', '$2')} ELSE ${standingOf('c', '$2')} END AS standing
  FROM (SELECT $1::text AS id) q LEFT JOIN clients c ON c.id = q.id`;

/** How a client stands with a tenant. */
export interface Standing {
  readonly registration: 'preregistered' | 'dynamic' | 'document';
  /** When it was first registered here, or first allowed something; `undefined` for a document of which that never was so. */
  readonly firstSeen: Date | undefined;
  readonly trust: TrustLevel;
  /** Whether an administrator said how far exactly this client is trusted, and its identity is still the same. */
  readonly trustGiven: boolean;
  /** Why it is not let in; its level is `blocked` then. */
  readonly refusal: DocumentRefusal | undefined;
}

/** How the client of this client_id stands with a tenant now; `undefined` when it is unknown or removed. */
export async function findStanding(
  db: Queryable,
  {
    clientId,
    tenantId,
    documents,
  }: { readonly clientId: string; readonly tenantId: string; readonly documents: DocumentMode },
): Promise<Standing | undefined> {
  const { rows } = await db.query<{
    registration: Standing['registration'] | null;
    created_at: Date | null;
    removed: boolean;
    trust_given: boolean;
    standing: TrustLevel | null;
  }>({ name: 'admission-standing', text: STANDING, values: [clientId, tenantId] });
  const row = rows[0];
  if (!row || row.removed) return undefined;
  // Only what is named by a URL can be a client that there is no record of.
  if (row.registration === null && !clientId.startsWith('https://')) return undefined;
  const registration = row.registration ?? 'document';
  const known = { registration, firstSeen: row.created_at ?? undefined, trustGiven: row.trust_given };
  const verdict =
    registration === 'document' ? admitDocument(documents, row.standing ?? undefined) : undefined;
  if (verdict && !verdict.allowed) return { ...known, trust: 'blocked', refusal: verdict.reason };
  const trust = verdict?.trust ?? row.standing ?? 'blocked';
  return { ...known, trust, refusal: trust === 'blocked' ? 'client_blocked' : undefined };
}

const LEVELS = `
  SELECT c.id, c.registration, c.trust_given_at IS NOT NULL AS trust_given, c.redirect_uris,
    ${standingOf('c', 'c.tenant_id')} AS standing
  FROM clients c WHERE c.removed_at IS NULL`;

/** How far a client is trusted, and what vouches for its identity. */
export interface ClientTrust {
  readonly trust: TrustLevel;
  readonly identity: ClientIdentity;
}

/** Returns the trust of each client that is on record at its own tenant, by client_id; `blocked` when it is not admitted. */
export async function trustLevels(
  db: Queryable,
  documents: DocumentMode,
): Promise<ReadonlyMap<string, ClientTrust>> {
  const { rows } = await db.query<{
    id: string;
    registration: string;
    trust_given: boolean;
    redirect_uris: string[];
    standing: TrustLevel | null;
  }>({ name: 'admission-levels', text: LEVELS });
  return new Map(
    rows.map((row) => {
      const { id, registration, trust_given: trustGiven, redirect_uris: redirectUris } = row;
      const trust = trustOf(documents, { registration, standing: row.standing ?? undefined });
      return [id, { trust, identity: clientIdentity({ registration, trust, trustGiven, redirectUris }) }];
    }),
  );
}
