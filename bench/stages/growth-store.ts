import pg from 'pg';

import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import type { RunningGatehouse } from '../targets/gatehouse.ts';
import type { Fixtures } from '../targets/gatehouse-fixtures.ts';

const CHUNK = 100_000;

/** The refresh token of the grant with that number; as long as a real one. */
export function tokenOf(n: number): string {
  return `growth-${String(n).padStart(36, '0')}`;
}

/** An identifier of 128 bits that looks as random as ours are, so that indexes grow as ours do. */
const id = (prefix: string, what: string) =>
  `'${prefix}_' || left(translate(encode(sha256(convert_to('${what}' || n, 'UTF8')), 'base64'), '+/=', '-_'), 22)`;

/**
 * Fills a store with living grants of many people: each with a used code, an unused refresh token, and the
 * two audit records that making it leaves.
 */
export async function fillWithGrants(databaseUrl: string, fixtures: Fixtures, count: number): Promise<void> {
  const { client, resource, challenge } = fixtures;
  const session = new pg.Client({ connectionString: databaseUrl });
  const run = (text: string, values: readonly unknown[]) => session.query(text, [...values]);
  await session.connect();
  try {
    for (let first = 0; first < count; first += CHUNK) {
      const last = Math.min(first + CHUNK, count) - 1;
      const users = [Math.ceil(first / 10), Math.floor(last / 10)];
      await run(
        `INSERT INTO users (id, email, name) SELECT ${id('usr', 'user')}, 'growth-' || n || '@example.com', 'Ada'
         FROM generate_series($1::int, $2::int) AS n`,
        users,
      );
      await run(
        `INSERT INTO memberships (tenant_id, user_id, role_id)
         SELECT $3, ${id('usr', 'user')}, (SELECT id FROM roles WHERE tenant_id = $3 AND name = 'member')
         FROM generate_series($1::int, $2::int) AS n`,
        [...users, DEFAULT_TENANT],
      );
      await run(
        `INSERT INTO grants (id, tenant_id, user_id, client_id, resource_id, scopes, oidc_scopes, redirect_uri,
                             auth_time, acr, amr, network, activated_at, expires_at)
         SELECT ${id('grt', 'grant')}, $3, (SELECT ${id('usr', 'user')} FROM (SELECT g / 10 AS n) AS owner), $4, $5,
                '{files:read,files:write}', '{}', $6, now(), 'phr', '{pop,user,mfa}', '127.0.0.1', now(),
                now() + interval '30 days'
         FROM (SELECT n, n AS g FROM generate_series($1::int, $2::int) AS n) AS numbers`,
        [first, last, DEFAULT_TENANT, client.id, resource.id, client.redirectUri],
      );
      await run(
        `INSERT INTO authorization_codes (code_hash, grant_id, client_id, redirect_uri, code_challenge, expires_at, used_at)
         SELECT sha256(convert_to('code' || n, 'UTF8')), ${id('grt', 'grant')}, $3, $4, $5, now() + interval '1 minute', now()
         FROM generate_series($1::int, $2::int) AS n`,
        [first, last, client.id, client.redirectUri, challenge],
      );
      await run(
        `INSERT INTO refresh_tokens (token_hash, grant_id, client_id, generation, secret_version, expires_at)
         SELECT sha256(convert_to('growth-' || lpad(n::text, 36, '0'), 'UTF8')), ${id('grt', 'grant')}, $3, 0, 0,
                now() + interval '14 days'
         FROM generate_series($1::int, $2::int) AS n`,
        [first, last, client.id],
      );
      for (const event of ['grant.issued', 'token.issued']) {
        await run(
          `INSERT INTO audit_records (id, event, outcome, tenant, subject, client, agent_chain, "grant", resource,
                                      scopes, request_id, network, detail)
           SELECT ${id('aud', event)}, $7, 'success', $3, (SELECT ${id('usr', 'user')} FROM (SELECT g / 10 AS n) AS owner),
                  $4, '{}', ${id('grt', 'grant')}, $5, '{files:read,files:write}', ${id('req', event)}, $6, NULL
           FROM (SELECT n, n AS g FROM generate_series($1::int, $2::int) AS n) AS numbers`,
          [first, last, DEFAULT_TENANT, client.id, resource.identifier, '127.0.0.1', event],
        );
      }
    }
    for (const table of [
      'users',
      'memberships',
      'grants',
      'authorization_codes',
      'refresh_tokens',
      'audit_records',
    ]) {
      await session.query(`VACUUM ANALYZE ${table}`);
    }
  } finally {
    await session.end();
  }
}

/** Bytes on disk with indexes, of grants with what belongs to them, and of the audit trail. */
export async function sizesOf({
  database,
}: RunningGatehouse): Promise<{ readonly grants: number; readonly audit: number }> {
  const { rows } = await database.pool.query<{ grants: string; audit: string }>(`
    SELECT pg_total_relation_size('grants') + pg_total_relation_size('refresh_tokens')
             + pg_total_relation_size('authorization_codes') AS grants,
           pg_total_relation_size('audit_records') AS audit`);
  return { grants: Number(rows[0]?.grants), audit: Number(rows[0]?.audit) };
}
