import { isDeepStrictEqual } from 'node:util';
import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput } from '../../kernel/errors.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { applicationType, checkRedirectUris } from './registered-redirects.ts';

/**
 * Gives a client that an administrator registered other redirect URIs, with its record. Its identifier, its secret, its
 * trust and its grants stay: it is the same client, which comes back to another place.
 *
 * Answers whether anything was changed; nothing is where they are the same, and where there is no such client.
 *
 * @throws InvalidInput when one of them cannot be registered; the message says how to mend it.
 */
export async function changeRedirectUris(
  prisma: PrismaClient,
  { clientId, redirectUris }: { readonly clientId: string; readonly redirectUris: readonly string[] },
  cause: Cause,
): Promise<boolean> {
  const checked = checkRedirectUris(redirectUris);
  if (!checked.ok) throw new InvalidInput(`The client cannot be registered: ${checked.reason}.`);
  const uris = [...checked.uris];
  return prisma.$transaction(async (tx) => {
    const [client] = await tx.$queryRaw<
      { tenant_id: string; redirect_uris: string[]; metadata: Prisma.JsonObject }[]
    >`
      SELECT tenant_id, redirect_uris, metadata FROM clients
      WHERE id = ${clientId} AND registration = 'preregistered' AND removed_at IS NULL FOR UPDATE`;
    if (!client || isDeepStrictEqual(client.redirect_uris, uris)) return false;
    const metadata = { ...client.metadata, application_type: applicationType(uris, undefined) };
    await tx.client.update({ where: { id: clientId }, data: { redirectUris: uris, metadata } });
    await recordAudit(
      tx,
      {
        event: 'client.changed',
        outcome: 'success',
        tenant: client.tenant_id,
        client: clientId,
        detail: { changed: ['redirect_uris'], redirect_uris: uris.slice(0, 10) },
      },
      cause,
    );
    return true;
  });
}
