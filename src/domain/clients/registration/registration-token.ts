import type { Pool, PoolClient } from 'pg';
import type { Cause } from '../../../kernel/cause.ts';
import { InvalidInput, NotFound } from '../../../kernel/errors.ts';
import { hashSecret, newId, newSecret } from '../../../kernel/ids.ts';
import type { Prisma, PrismaClient } from '../../../platform/database/generated/client.ts';
import { recordAudit } from '../../audit/index.ts';

/** What a client may be trusted with that came by a token. More is for an administrator to say of that client. */
export const REGISTRATION_TRUST = ['untrusted', 'known'] as const;
export type RegistrationTrust = (typeof REGISTRATION_TRUST)[number];

/** An initial access token (RFC 7591 §1.2): whoever has it may register so many clients until then. */
export interface RegistrationToken {
  /** `rgt_…`; not the token. */
  readonly id: string;
  readonly tenantId: string;
  readonly trust: RegistrationTrust;
  /** How many clients it may register, and how many it has. */
  readonly uses: number;
  readonly used: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | undefined;
}

/** How every initial access token begins, so that it can be told from other bearer tokens, and found where it leaked. */
const TOKEN_PREFIX = 'ghi_';

/** Whether a bearer token means to be one of these, whatever it is worth. */
export function isRegistrationToken(token: string): boolean {
  return token.startsWith(TOKEN_PREFIX);
}

const MAX_USES = 100_000;
/** Seconds: a year. */
const MAX_LIFETIME = 31_536_000;

export interface NewRegistrationToken {
  readonly tenantId: string;
  readonly trust: RegistrationTrust;
  readonly uses: number;
  /** Seconds. */
  readonly lifetime: number;
}

/**
 * Makes an initial access token. It is answered in the clear, this once; only its hash is kept.
 *
 * @throws InvalidInput when it would live, or could be used, for too long.
 */
export async function createRegistrationToken(
  prisma: PrismaClient,
  { tenantId, trust, uses, lifetime }: NewRegistrationToken,
  cause: Cause,
): Promise<{ readonly id: string; readonly token: string; readonly expiresAt: Date }> {
  if (!Number.isInteger(uses) || uses < 1 || uses > MAX_USES) {
    throw new InvalidInput(`A registration token has between 1 and ${MAX_USES} uses.`);
  }
  if (!Number.isInteger(lifetime) || lifetime < 1 || lifetime > MAX_LIFETIME) {
    throw new InvalidInput('A registration token lives for at least a second and at most 365 days.');
  }
  const id = newId('rgt');
  const token = `${TOKEN_PREFIX}${newSecret()}`;
  return prisma.$transaction(async (tx) => {
    const [made] = await tx.$queryRaw<{ expires_at: Date }[]>`
      INSERT INTO registration_tokens (id, tenant_id, token_hash, trust, uses, expires_at)
      VALUES (${id}, ${tenantId}, ${hashSecret(token)}, ${trust}, ${uses},
              now() + make_interval(secs => ${lifetime}))
      RETURNING expires_at`;
    if (!made) throw new Error('the registration token was not written');
    await recordAudit(
      tx,
      {
        event: 'registration_token.created',
        outcome: 'success',
        tenant: tenantId,
        detail: { registration_token: id, trust, uses, expires_at: made.expires_at.toISOString() },
      },
      cause,
    );
    return { id, token, expiresAt: made.expires_at };
  });
}

/** Every initial access token, oldest first, also those that are of no more use. */
export async function listRegistrationTokens(prisma: PrismaClient): Promise<readonly RegistrationToken[]> {
  const rows = await prisma.registrationToken.findMany({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
  return rows.map(({ tokenHash: _, trust, revokedAt, ...rest }) => ({
    ...rest,
    trust: trustOf(trust),
    revokedAt: revokedAt ?? undefined,
  }));
}

/**
 * Ends an initial access token. What it registered stays.
 *
 * @throws NotFound when there is none of that id that could be ended.
 */
export async function revokeRegistrationToken(prisma: PrismaClient, id: string, cause: Cause): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const [ended] = await tx.$queryRaw<{ tenant_id: string }[]>`
      UPDATE registration_tokens SET revoked_at = now() WHERE id = ${id} AND revoked_at IS NULL RETURNING tenant_id`;
    if (!ended) throw new NotFound(`There is no registration token ${id}, or it was revoked before.`);
    await recordAudit(
      tx,
      {
        event: 'registration_token.revoked',
        outcome: 'success',
        tenant: ended.tenant_id,
        detail: { registration_token: id },
      },
      cause,
    );
  });
}

/**
 * Ends every initial access token: it cannot be known any more which were revoked, or used up. Runs in the
 * transaction of the act that it is a part of.
 */
export async function endEveryRegistrationToken(client: Pick<PoolClient, 'query'>): Promise<void> {
  await client.query('UPDATE registration_tokens SET revoked_at = now() WHERE revoked_at IS NULL');
}

/** Why an initial access token lets nobody register. */
export type RegistrationTokenRefusal =
  | 'registration_token_unknown'
  | 'registration_token_revoked'
  | 'registration_token_expired'
  | 'registration_token_used_up';

const CHECK = `
  SELECT id, CASE WHEN revoked_at IS NOT NULL THEN 'registration_token_revoked'
                  WHEN expires_at <= now() THEN 'registration_token_expired'
                  WHEN used >= uses THEN 'registration_token_used_up' END AS refusal
  FROM registration_tokens WHERE token_hash = $1`;

/** Which token this is, if it may be used now. Nothing is counted yet; `takeRegistrationToken` decides. */
export async function checkRegistrationToken(
  pool: Pool,
  token: string,
): Promise<{ readonly id: string } | { readonly refusal: RegistrationTokenRefusal }> {
  const { rows } = await pool.query<{ id: string; refusal: RegistrationTokenRefusal | null }>({
    name: 'registration-token-check',
    text: CHECK,
    values: [hashSecret(token)],
  });
  const [found] = rows;
  if (!found) return { refusal: 'registration_token_unknown' };
  return found.refusal === null ? { id: found.id } : { refusal: found.refusal };
}

/** Counts one use, inside the transaction of the registration. The database decides whether there was one left. */
export async function takeRegistrationToken(
  tx: Prisma.TransactionClient,
  id: string,
): Promise<{ readonly tenantId: string; readonly trust: RegistrationTrust } | undefined> {
  const [taken] = await tx.$queryRaw<{ tenant_id: string; trust: string }[]>`
    UPDATE registration_tokens SET used = used + 1
    WHERE id = ${id} AND revoked_at IS NULL AND expires_at > now() AND used < uses
    RETURNING tenant_id, trust`;
  return taken && { tenantId: taken.tenant_id, trust: trustOf(taken.trust) };
}

/** A word of another list in the column is not ours, and gives nothing. */
function trustOf(word: string): RegistrationTrust {
  return word === 'known' ? 'known' : 'untrusted';
}
