import type { Cause } from '../../kernel/cause.ts';
import { newId } from '../../kernel/ids.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { clientIdentity, standingOf } from '../admission/index.ts';
import { recordAuditEach } from '../audit/index.ts';
import { destructiveScopeSql } from '../resources/index.ts';

import type { Connection } from './list.ts';
import type { RevocationReason } from './revocation-reason.ts';

/** What remembered consent is remembered by. A change in any member asks again. */
export interface ConsentKey {
  readonly userId: string;
  readonly clientId: string;
  readonly resourceId: string;
  /** A loopback redirect without its port. */
  readonly redirectUri: string;
  /** Of a client with a metadata document: base64url of its version. */
  readonly clientVersion: string | undefined;
}

const REMEMBERED = `
  SELECT k.scopes FROM consents k JOIN clients c ON c.id = k.client_id AND c.grant_epoch = k.client_epoch
  WHERE k.user_id = $1 AND k.client_id = $2 AND k.resource_id = $3 AND k.redirect_uri = $4
    AND k.client_version IS NOT DISTINCT FROM $5::bytea AND k.expires_at > now()`;

/** The scopes this person allowed this client here before; empty when never. It grants nothing by itself. */
export async function rememberedScopes(
  prisma: PrismaClient,
  { userId, clientId, resourceId, redirectUri, clientVersion }: ConsentKey,
): Promise<readonly string[]> {
  const rows = await prisma.$queryRawUnsafe<{ scopes: string[] }[]>(
    REMEMBERED,
    userId,
    clientId,
    resourceId,
    redirectUri,
    bytesOf(clientVersion),
  );
  return rows[0]?.scopes ?? [];
}

const REMEMBER = `
  INSERT INTO consents (id, tenant_id, user_id, client_id, resource_id, redirect_uri, scopes, client_version, client_epoch, expires_at)
  SELECT $1, $2, $3, c.id, $5, $6, $7::text[], $8::bytea, c.grant_epoch, now() + make_interval(secs => $9)
  FROM clients c WHERE c.id = $4
  ON CONFLICT (user_id, client_id, resource_id, redirect_uri)
  DO UPDATE SET scopes = EXCLUDED.scopes, client_version = EXCLUDED.client_version, client_epoch = EXCLUDED.client_epoch,
                granted_at = now(), expires_at = EXCLUDED.expires_at`;

/**
 * Remembers a decision for `lifetime` seconds. It replaces the old one whole: a person who unticks a
 * scope is not remembered as having allowed it.
 */
export async function rememberConsent(
  tx: Prisma.TransactionClient,
  {
    tenantId,
    userId,
    clientId,
    resourceId,
    redirectUri,
    clientVersion,
  }: ConsentKey & { readonly tenantId: string },
  { scopes, lifetime }: { readonly scopes: readonly string[]; readonly lifetime: number },
): Promise<void> {
  const decision = [...scopes].sort();
  await tx.$executeRawUnsafe(
    REMEMBER,
    newId('cns'),
    tenantId,
    userId,
    clientId,
    resourceId,
    redirectUri,
    decision,
    bytesOf(clientVersion),
    lifetime,
  );
}

/** A remembered consent as its owner sees it. */
export interface RememberedConsent {
  readonly id: string;
  readonly client: Connection['client'];
  readonly resource: Connection['resource'];
  readonly scopes: Connection['scopes'];
  readonly since: Date;
  readonly expiresAt: Date;
}

const LIST = `
  SELECT k.id,
    json_build_object('id', c.id, 'name', c.name, 'registration', c.registration,
      'trust', COALESCE(${standingOf('c', 'k.tenant_id')}, 'untrusted'),
      'trustGiven', c.trust_given_at IS NOT NULL) AS client, k.redirect_uri AS "redirectUri",
    json_build_object('identifier', r.identifier, 'name', r.name) AS resource,
    ARRAY(SELECT json_build_object('scope', held.scope, 'description', COALESCE(s.description, held.scope),
                                   'destructive', COALESCE(${destructiveScopeSql('s')}, false))
          FROM unnest(k.scopes) WITH ORDINALITY AS held (scope, place)
          LEFT JOIN resource_scopes s ON s.resource_id = k.resource_id AND s.scope = held.scope
          ORDER BY held.place) AS scopes,
    k.granted_at AS since, k.expires_at AS "expiresAt"
  FROM consents k
  JOIN clients c ON c.id = k.client_id AND c.grant_epoch = k.client_epoch AND c.removed_at IS NULL
  JOIN resources r ON r.id = k.resource_id AND r.removed_at IS NULL
  WHERE k.user_id = $1 AND k.expires_at > now()
  ORDER BY k.granted_at DESC, k.id`;

type Row = Omit<RememberedConsent, 'client'> & {
  readonly redirectUri: string;
  readonly client: Omit<Connection['client'], 'identity'> & { readonly trustGiven: boolean };
};

/** Returns every consent of a person that is still remembered, newest first. */
export async function listConsents(
  prisma: PrismaClient,
  userId: string,
): Promise<readonly RememberedConsent[]> {
  const rows = await prisma.$queryRawUnsafe<Row[]>(LIST, userId);
  return rows.map(({ redirectUri, client: { trustGiven, ...client }, ...row }) => {
    const identity = clientIdentity({ ...client, trustGiven, redirectUris: [redirectUri] });
    return { ...row, client: { ...client, identity } };
  });
}

/** Which remembered consents of a person to delete: all, those of a client, of a client at a resource, or one. */
export interface ConsentSelector {
  readonly userId: string;
  readonly clientId?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly consentId?: string | undefined;
}

const FORGET = `
  DELETE FROM consents k WHERE k.user_id = $1 AND ($2::text IS NULL OR k.client_id = $2)
    AND ($3::text IS NULL OR k.resource_id = $3) AND ($4::text IS NULL OR k.id = $4)
  RETURNING k.tenant_id AS tenant, k.user_id AS subject, k.client_id AS client, NULL::text AS "grant"`;

/**
 * Deletes remembered consents with one audit record each. Returns their number.
 *
 * Runs in the transaction of the act that ends them. The next authorization of the client asks again.
 */
export function forgetConsents(
  tx: Prisma.TransactionClient,
  { userId, clientId, resourceId, consentId }: ConsentSelector,
  reason: RevocationReason,
  cause: Cause,
): Promise<number> {
  const values = [userId, clientId ?? null, resourceId ?? null, consentId ?? null];
  const entry = { event: 'consent.forgotten', outcome: 'success', reason } as const;
  return recordAuditEach(tx, { text: FORGET, values }, entry, cause);
}

const FORGET_COVERED = `
  DELETE FROM consents k WHERE k.user_id = $1 AND k.client_id = $2 AND k.resource_id = $3 AND k.scopes <@ $4::text[]
  RETURNING k.tenant_id AS tenant, k.user_id AS subject, k.client_id AS client, NULL::text AS "grant"`;

const NARROW = `
  UPDATE consents k SET scopes = ARRAY(
    SELECT kept.scope FROM unnest(k.scopes) WITH ORDINALITY AS kept (scope, place)
    WHERE kept.scope <> ALL ($4::text[]) ORDER BY kept.place)
  WHERE k.user_id = $1 AND k.client_id = $2 AND k.resource_id = $3 AND k.scopes && $4::text[]`;

/**
 * Removes scopes from the remembered consent of a user for a client at a resource, at whatever redirect, and forgets a
 * consent of which nothing remains. Runs in the transaction of the act that takes the scopes back, whose audit record
 * names them.
 */
export async function narrowConsents(
  tx: Prisma.TransactionClient,
  { userId, clientId, resourceId }: Pick<ConsentKey, 'userId' | 'clientId' | 'resourceId'>,
  removed: readonly string[],
  cause: Cause,
): Promise<void> {
  const values = [userId, clientId, resourceId, removed];
  const entry = { event: 'consent.forgotten', outcome: 'success', reason: 'ended_by_user' } as const;
  await recordAuditEach(tx, { text: FORGET_COVERED, values }, entry, cause);
  await tx.$executeRawUnsafe(NARROW, ...values);
}

/** Returns the stored form of a client's version. */
export function bytesOf(version: string | undefined): Buffer | null {
  return version === undefined ? null : Buffer.from(version, 'base64url');
}
