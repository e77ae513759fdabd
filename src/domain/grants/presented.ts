import type { Pool } from 'pg';

import { hashSecret } from '../../kernel/ids.ts';
import { type DocumentMode, standingOf, trustOf } from '../admission/index.ts';
import type { TrustLevel } from '../authority/index.ts';
import { destructiveScopeSql } from '../resources/index.ts';

import { derivationDropped, MAX_GENERATIONS_BEHIND } from './derivation.ts';
import { notEnded } from './living.ts';

/** What the token request names: a code or a refresh token, by value. */
export interface Presentation {
  readonly kind: 'authorization_code' | 'refresh_token';
  readonly value: string;
}

/**
 * The grant behind a presented credential, with everything that its validity and authority hang on. To a client
 * that it does not belong to it is one that ended.
 */
export interface GrantFacts {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly clientId: string;
  /** How far the tenant of the grant trusts the client now. */
  readonly clientTrust: TrustLevel;
  /** What its rules say of a client that is named by a URL; `undefined` when none speaks of it. */
  readonly clientStanding: TrustLevel | undefined;
  /** False once the client was removed or blocked, or is let in no more. */
  readonly clientActive: boolean;
  readonly userActive: boolean;
  readonly resource: string;
  readonly resourceActive: boolean;
  readonly offered: readonly string[];
  /** Those of them that the resource calls destructive. */
  readonly destructive: ReadonlySet<string>;
  readonly admitsStrangers: boolean;
  readonly permitted: 'all' | ReadonlySet<string>;
  /** Resource scopes consented to. */
  readonly scopes: readonly string[];
  /** Resource scopes that the user consented to and took back later. */
  readonly withdrawnScopes: readonly string[];
  /** `openid`, `offline_access`. */
  readonly oidcScopes: readonly string[];
  readonly authTime: Date;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly expiresAt: Date;
  /** Seconds since it was made, by the database's clock. */
  readonly age: number;
  /** By itself, or with all others of its client or of the installation. */
  readonly revoked: boolean;
  /** Whether `expiresAt` has passed, by the database's clock. */
  readonly expired: boolean;
  /** The database's time of this reading, which is the time that tokens are issued at. */
  readonly asOf: Date;
}

export interface PresentedCode {
  readonly kind: 'authorization_code';
  readonly hash: Buffer;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly codeChallenge: string;
  readonly nonce: string | undefined;
  readonly expired: boolean;
  readonly used: boolean;
  readonly grant: GrantFacts;
}

export interface PresentedRefreshToken {
  readonly kind: 'refresh_token';
  readonly hash: Buffer;
  readonly clientId: string;
  readonly generation: number;
  readonly expired: boolean;
  /** Seconds since it was used, by the database's clock; `undefined` while unused. */
  readonly usedSecondsAgo: number | undefined;
  /** Network of the request that used it. */
  readonly usedFrom: string | undefined;
  /** How often it was presented again within the grace period. */
  readonly repetitions: number;
  /** Once used: whether the newest token of its family has expired, or is too many generations away. */
  readonly leafOutOfReach: boolean;
  /** Whether the secret that its family is derived with was dropped. */
  readonly derivationDropped: boolean;
  readonly grant: GrantFacts;
}

export type Presented = PresentedCode | PresentedRefreshToken;

/**
 * The client columns that `loadPresented` brings along, so that a token request needs no second read. A client with a
 * metadata document is held to what it said when the presented grant was consented to, whatever it says now.
 */
export interface ClientRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly registration: string;
  readonly name: string;
  readonly auth_method: string;
  readonly secret_hash: Buffer | null;
  /** Of the secret before a rotation, while it is accepted too. */
  readonly previous_secret_hash: Buffer | null;
  readonly redirect_uris: string[];
  readonly grant_types: string[];
  readonly trust: string;
  readonly metadata: Record<string, unknown>;
  readonly removed_at: Date | null;
}

const GRANT_COLUMNS = `
  g.id AS grant_id, g.tenant_id AS grant_tenant, g.user_id, g.client_id AS grant_client,
  g.scopes, g.withdrawn_scopes, g.oidc_scopes, g.auth_time, g.acr, g.amr, g.expires_at AS grant_expires_at,
  (c.id = g.client_id AND ${notEnded('c')}) IS NOT TRUE AS grant_revoked, g.expires_at <= now() AS grant_expired, now() AS as_of,
  EXTRACT(EPOCH FROM now() - g.created_at)::float8 AS grant_age,
  ${standingOf('c', 'g.tenant_id')} AS client_standing,
  u.disabled_at IS NULL AS user_active,
  res.identifier AS resource, res.removed_at IS NULL AS resource_active, res.admits_strangers,
  ARRAY(SELECT rs.scope FROM resource_scopes rs WHERE rs.resource_id = res.id ORDER BY rs.position) AS offered,
  ARRAY(SELECT rs.scope FROM resource_scopes rs WHERE rs.resource_id = res.id AND ${destructiveScopeSql('rs')}) AS destructive,
  ARRAY(SELECT COALESCE(rp.scope, '*') FROM memberships m
        JOIN role_permits rp ON rp.role_id = m.role_id
        WHERE m.user_id = g.user_id AND m.tenant_id = g.tenant_id
          AND rp.resource_id = res.id) AS permitted`;

const GRANT_JOINS = `
  LEFT JOIN grants g ON g.id = t.grant_id
  LEFT JOIN users u ON u.id = g.user_id
  LEFT JOIN resources res ON res.id = g.resource_id
  LEFT JOIN client_snapshots cs ON cs.client_id = c.id AND cs.client_id = g.client_id AND cs.version = g.client_version
    AND c.registration = 'document'`;

/** Expiry is the database's word, here as everywhere. */
const PREVIOUS_SECRET = 'CASE WHEN c.previous_secret_expires_at > now() THEN c.previous_secret_hash END';

const CLIENT_COLUMNS = `
  c.id AS c_id, c.tenant_id AS c_tenant_id, c.registration AS c_registration, COALESCE(cs.name, c.name) AS c_name,
  COALESCE(cs.auth_method, c.auth_method) AS c_auth_method,
  c.secret_hash AS c_secret_hash, ${PREVIOUS_SECRET} AS c_previous_secret_hash,
  COALESCE(cs.redirect_uris, c.redirect_uris) AS c_redirect_uris,
  COALESCE(cs.grant_types, c.grant_types) AS c_grant_types, c.trust AS c_trust,
  COALESCE(cs.metadata, c.metadata) AS c_metadata, c.removed_at AS c_removed_at`;

/** Costs an unused token nothing. */
const LEAF_OUT_OF_REACH = `(
  SELECT s.expires_at <= now() OR s.generation - t.generation > ${MAX_GENERATIONS_BEHIND} FROM refresh_tokens s
  WHERE t.used_at IS NOT NULL AND s.grant_id = t.grant_id ORDER BY s.generation DESC LIMIT 1)`;

const STATEMENTS = {
  authorization_code: {
    name: 'present-code',
    text: `SELECT ${CLIENT_COLUMNS}, ${GRANT_COLUMNS},
        t.code_hash AS hash, t.client_id, t.redirect_uri, t.code_challenge, t.nonce,
        t.expires_at <= now() AS expired, t.used_at IS NOT NULL AS used
      FROM (SELECT $1::text AS id, $2::bytea AS hash) q
      LEFT JOIN clients c ON c.id = q.id
      LEFT JOIN authorization_codes t ON t.code_hash = q.hash ${GRANT_JOINS}`,
  },
  refresh_token: {
    name: 'present-refresh-token',
    text: `SELECT ${CLIENT_COLUMNS}, ${GRANT_COLUMNS},
        t.token_hash AS hash, t.client_id, t.generation, t.expires_at <= now() AS expired,
        EXTRACT(EPOCH FROM now() - t.used_at)::float8 AS used_seconds_ago, t.used_from, t.repetitions,
        ${derivationDropped} AS derivation_dropped, ${LEAF_OUT_OF_REACH} AS leaf_out_of_reach
      FROM (SELECT $1::text AS id, $2::bytea AS hash) q
      LEFT JOIN clients c ON c.id = q.id
      LEFT JOIN refresh_tokens t ON t.token_hash = q.hash ${GRANT_JOINS}`,
  },
} as const;

/**
 * Reads, in one round trip, the client that calls and everything about what it presents.
 *
 * Nothing is decided here and nothing is locked: `redeemCode` and `rotateRefreshToken` check
 * again, under the lock of the grant, before anything is minted. Expiry is the database's word.
 *
 * @param documents what the installation does with clients that are named by a URL.
 */
export async function loadPresented(
  pool: Pool,
  clientId: string,
  { kind, value }: Presentation,
  documents: DocumentMode,
): Promise<{ readonly client: ClientRow | undefined; readonly presented: Presented | undefined }> {
  const { rows } = await pool.query({ ...STATEMENTS[kind], values: [clientId, hashSecret(value)] });
  const row = rows[0] as Record<string, unknown>;
  return {
    client: row['c_id'] === null ? undefined : clientOf(row),
    presented:
      row['hash'] === null || row['grant_id'] === null ? undefined : presentedOf(kind, row, documents),
  };
}

function clientOf(row: Record<string, unknown>): ClientRow {
  return {
    id: row['c_id'] as string,
    tenant_id: row['c_tenant_id'] as string,
    registration: row['c_registration'] as string,
    name: row['c_name'] as string,
    auth_method: row['c_auth_method'] as string,
    secret_hash: row['c_secret_hash'] as Buffer | null,
    previous_secret_hash: row['c_previous_secret_hash'] as Buffer | null,
    redirect_uris: row['c_redirect_uris'] as string[],
    grant_types: row['c_grant_types'] as string[],
    trust: row['c_trust'] as string,
    metadata: row['c_metadata'] as Record<string, unknown>,
    removed_at: row['c_removed_at'] as Date | null,
  };
}

function presentedOf(
  kind: Presentation['kind'],
  row: Record<string, unknown>,
  documents: DocumentMode,
): Presented {
  const grant = grantOf(row, documents);
  const common = { hash: row['hash'] as Buffer, clientId: row['client_id'] as string, grant };
  if (kind === 'authorization_code') {
    return {
      kind,
      ...common,
      redirectUri: row['redirect_uri'] as string,
      codeChallenge: row['code_challenge'] as string,
      nonce: (row['nonce'] as string | null) ?? undefined,
      expired: row['expired'] as boolean,
      used: row['used'] as boolean,
    };
  }
  return {
    kind,
    ...common,
    generation: row['generation'] as number,
    expired: row['expired'] as boolean,
    usedSecondsAgo: (row['used_seconds_ago'] as number | null) ?? undefined,
    usedFrom: (row['used_from'] as string | null) ?? undefined,
    repetitions: row['repetitions'] as number,
    derivationDropped: row['derivation_dropped'] as boolean,
    leafOutOfReach: row['leaf_out_of_reach'] === true,
  };
}

function grantOf(row: Record<string, unknown>, documents: DocumentMode): GrantFacts {
  const permitted = row['permitted'] as string[];
  const clientId = row['grant_client'] as string;
  const ownClient = row['c_id'] === clientId;
  const clientStanding = (row['client_standing'] as TrustLevel | null) ?? undefined;
  const registration = row['c_registration'] as string;
  const clientTrust = trustOf(documents, { registration, standing: clientStanding });
  return {
    id: row['grant_id'] as string,
    tenantId: row['grant_tenant'] as string,
    userId: row['user_id'] as string,
    clientId,
    clientTrust,
    clientStanding,
    clientActive: ownClient && row['c_removed_at'] === null && clientTrust !== 'blocked',
    userActive: row['user_active'] as boolean,
    resource: row['resource'] as string,
    resourceActive: row['resource_active'] as boolean,
    offered: row['offered'] as string[],
    destructive: new Set(row['destructive'] as string[]),
    admitsStrangers: row['admits_strangers'] as boolean,
    permitted: permitted.includes('*') ? 'all' : new Set(permitted),
    scopes: row['scopes'] as string[],
    withdrawnScopes: row['withdrawn_scopes'] as string[],
    oidcScopes: row['oidc_scopes'] as string[],
    authTime: row['auth_time'] as Date,
    acr: row['acr'] as string,
    amr: row['amr'] as string[],
    expiresAt: row['grant_expires_at'] as Date,
    age: row['grant_age'] as number,
    revoked: row['grant_revoked'] as boolean,
    expired: row['grant_expired'] as boolean,
    asOf: row['as_of'] as Date,
  };
}
