import type { Pool } from 'pg';

import type { Config } from './config/config.ts';
import { isLoopbackHost } from './kernel/loopback.ts';

/** The settings name another issuer than the one that the clients of this store know. */
export class IssuerChanged extends Error {
  override readonly name = 'IssuerChanged';
  readonly code = 'issuer_changed';
}

type Settings = Pick<Config, 'issuer' | 'issuerChangedFrom'>;

/**
 * Refuses a store that belongs to another issuer: clients and passkeys are bound to it (RFC 9207, WebAuthn §5.4.2). A
 * loopback issuer, which only serves development, may be replaced.
 *
 * @throws IssuerChanged
 */
export async function checkIssuer(pool: Pool, { issuer, issuerChangedFrom }: Settings): Promise<void> {
  const { rows } = await pool.query<{ issuer: string | null }>('SELECT issuer FROM installation');
  const known = rows[0]?.issuer ?? undefined;
  if (known === undefined || known === issuer || known === issuerChangedFrom) return;
  if (isLoopbackHost(URL.parse(known)?.hostname ?? '')) return;
  throw new IssuerChanged(
    `GATEHOUSE_ISSUER is ${issuer}, and this store is that of ${known}. Clients and passkeys are bound to it: ` +
      `set GATEHOUSE_ISSUER=${known}, or to change it on purpose set GATEHOUSE_ISSUER_CHANGED_FROM=${known} and set up every client and passkey again.`,
  );
}

/** Keeps the issuer that a server serves, after `checkIssuer`. */
export async function keepIssuer(pool: Pool, { issuer }: Settings): Promise<void> {
  await pool.query('UPDATE installation SET issuer = $1 WHERE issuer IS DISTINCT FROM $1', [issuer]);
}
