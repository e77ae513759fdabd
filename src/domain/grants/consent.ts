import { newId } from '../../kernel/ids.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';

/** What remembered consent is remembered by. A change in any member asks again. */
export interface ConsentKey {
  readonly userId: string;
  readonly clientId: string;
  readonly resourceId: string;
  /** A loopback redirect without its port. */
  readonly redirectUri: string;
}

/** The scopes this person allowed this client here before; empty when never. It grants nothing by itself. */
export async function rememberedScopes(prisma: PrismaClient, key: ConsentKey): Promise<readonly string[]> {
  const row = await prisma.consent.findUnique({
    where: { userId_clientId_resourceId_redirectUri: key },
    select: { scopes: true },
  });
  return row?.scopes ?? [];
}

/**
 * Remembers a decision. It replaces the old one whole: a person who unticks a scope is not
 * remembered as having allowed it.
 */
export async function rememberConsent(
  tx: Prisma.TransactionClient,
  key: ConsentKey & { readonly tenantId: string },
  scopes: readonly string[],
): Promise<void> {
  const { tenantId, ...where } = key;
  const decision = { scopes: [...scopes].sort(), grantedAt: new Date() };
  await tx.consent.upsert({
    where: { userId_clientId_resourceId_redirectUri: where },
    create: { id: newId('cns'), tenantId, ...where, ...decision },
    update: decision,
  });
}
