import { newId } from '../../kernel/ids.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';

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
    AND k.client_version IS NOT DISTINCT FROM $5::bytea`;

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
  INSERT INTO consents (id, tenant_id, user_id, client_id, resource_id, redirect_uri, scopes, client_version, client_epoch)
  SELECT $1, $2, $3, c.id, $5, $6, $7::text[], $8::bytea, c.grant_epoch FROM clients c WHERE c.id = $4
  ON CONFLICT (user_id, client_id, resource_id, redirect_uri)
  DO UPDATE SET scopes = EXCLUDED.scopes, client_version = EXCLUDED.client_version, client_epoch = EXCLUDED.client_epoch, granted_at = now()`;

/**
 * Remembers a decision. It replaces the old one whole: a person who unticks a scope is not
 * remembered as having allowed it.
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
  scopes: readonly string[],
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
  );
}

/** Forgets every remembered consent of a person, in the transaction of the act that ends what they have. */
export async function forgetConsentsOf(tx: Prisma.TransactionClient, userId: string): Promise<number> {
  const { count } = await tx.consent.deleteMany({ where: { userId } });
  return count;
}

/** Returns the stored form of a client's version. */
export function bytesOf(version: string | undefined): Buffer | null {
  return version === undefined ? null : Buffer.from(version, 'base64url');
}
