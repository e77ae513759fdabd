import type { Pool } from 'pg';
import type { Cause } from '../../kernel/cause.ts';
import { hashSecret } from '../../kernel/ids.ts';
import { runStatement } from '../../platform/database/index.ts';
import { notBlocked } from '../admission/index.ts';
import { type AuditEntry, auditedStatement, auditInsert } from '../audit/index.ts';

import { connectionKey } from './connection-key.ts';

/** A completed authorization: the grant it makes and the code that will activate it. */
export interface NewGrant {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly clientId: string;
  /** Of a client with a metadata document: base64url of the version that was consented to, which is kept as a snapshot. */
  readonly clientVersion?: string | undefined;
  /** Resource identifier (RFC 8707 §2). */
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly oidcScopes: readonly string[];
  readonly redirectUri: string;
  /** The same, a loopback one without its port. */
  readonly normalizedRedirectUri: string;
  /** The person's session in the browser that it was consented to in. */
  readonly sessionId: string;
  readonly authTime: Date;
  readonly acr: string;
  readonly amr: readonly string[];
  /** Seconds the grant may live, however much it is used. */
  readonly lifetime: number;
  readonly code: {
    readonly value: string;
    readonly codeChallenge: string;
    readonly nonce: string | undefined;
    /** Seconds. */
    readonly lifetime: number;
  };
}

const ISSUE = `
  WITH asker AS MATERIALIZED (
    SELECT u.id FROM users u WHERE u.id = $3 AND u.disabled_at IS NULL
      AND (u.sign_ins_valid_from IS NULL OR $9 >= date_trunc('second', u.sign_ins_valid_from)) FOR SHARE
  ), client AS MATERIALIZED (
    SELECT c.id, c.grant_epoch FROM clients c
    WHERE c.id = $4 AND c.removed_at IS NULL AND ${notBlocked('c', '$2')} FOR KEY SHARE
  ), made AS (
    INSERT INTO grants (id, tenant_id, user_id, client_id, resource_id, scopes, oidc_scopes, redirect_uri,
                        auth_time, acr, amr, network, expires_at, client_epoch, client_version, epoch, connection_key)
    SELECT $1, $2, asker.id, c.id, r.id, $6::text[], $7::text[], $8, $9, $10, $11::text[], $12,
           now() + make_interval(secs => $13), c.grant_epoch, $18, (SELECT grant_epoch FROM installation), $19
    FROM asker, client c, resources r
    WHERE r.identifier = $5 AND r.tenant_id = $2 AND r.removed_at IS NULL
    RETURNING id, client_id
  ), used AS (
    UPDATE clients SET used_at = now(), registered_from = NULL FROM made
    WHERE clients.id = made.client_id AND clients.used_at IS NULL
  ), coded AS (
    INSERT INTO authorization_codes (code_hash, grant_id, client_id, redirect_uri, code_challenge, nonce, expires_at)
    SELECT $14, made.id, $4, $8, $15, $16, now() + make_interval(secs => $17) FROM made
    RETURNING grant_id
  ), audited AS (${auditInsert(20, 'FROM coded')})
  SELECT grant_id FROM coded`;

/**
 * Keeps a completed authorization: one grant for it alone, one code, one audit record, or nothing.
 *
 * Until its code is redeemed the grant is a promise that nobody sees and that soon expires unseen. The
 * first one of a client makes it one that is in use, which is not swept; the key of its row is held
 * meanwhile, so that it is not swept in this very moment.
 * Answers false when the person, the client or the resource ceased to be meanwhile.
 */
export async function issueGrant(pool: Pool, grant: NewGrant, cause: Cause): Promise<boolean> {
  const audit: AuditEntry = {
    event: 'grant.issued',
    outcome: 'success',
    tenant: grant.tenantId,
    subject: grant.userId,
    client: grant.clientId,
    grant: grant.id,
    resource: grant.resource,
    scopes: grant.scopes,
  };
  const values = [
    grant.id,
    grant.tenantId,
    grant.userId,
    grant.clientId,
    grant.resource,
    grant.scopes,
    grant.oidcScopes,
    grant.redirectUri,
    grant.authTime,
    grant.acr,
    grant.amr,
    cause.network ?? null,
    grant.lifetime,
    hashSecret(grant.code.value),
    grant.code.codeChallenge,
    grant.code.nonce ?? null,
    grant.code.lifetime,
    grant.clientVersion === undefined ? null : Buffer.from(grant.clientVersion, 'base64url'),
    connectionKey({ ...grant, redirectUri: grant.normalizedRedirectUri }),
  ];
  const statement = auditedStatement({ name: 'issue-grant', text: ISSUE, values }, audit, cause);
  const { rowCount } = await runStatement(pool, statement);
  return rowCount === 1;
}
