import type { Cause } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';
import type { TrustLevel } from '../authority/index.ts';

import { nameOfClient } from './pattern.ts';
import { writeRule } from './rules.ts';

export interface ChangedTrust {
  readonly clientId: string;
  readonly trust: TrustLevel;
  /** `undefined` when nothing was said of the client before. */
  readonly was: TrustLevel | undefined;
}

const CHANGE = `
  UPDATE clients c SET trust = $2, trust_given_at = now()
  FROM (SELECT id, trust FROM clients WHERE id = $1 AND registration <> 'document' AND removed_at IS NULL FOR UPDATE) o
  WHERE c.id = o.id
  RETURNING o.trust AS was, c.tenant_id AS tenant`;

/**
 * Says how far a client is trusted. Those that are connected feel it at their next token; a blocked one gets none,
 * and its connections rest until it is trusted again or ended.
 *
 * A client that is named by the URL of its document is trusted by a rule for that URL.
 *
 * @throws NotFound when no such client is registered here.
 */
export async function setTrust(
  prisma: PrismaClient,
  {
    clientId,
    trust,
    tenantId,
  }: { readonly clientId: string; readonly trust: TrustLevel; readonly tenantId: string },
  cause: Cause,
): Promise<ChangedTrust> {
  return prisma.$transaction(async (tx) => {
    const [changed] = await tx.$queryRawUnsafe<{ was: TrustLevel; tenant: string }[]>(
      CHANGE,
      clientId,
      trust,
    );
    if (!changed) {
      if (nameOfClient(clientId) === undefined) throw new NotFound(`No client ${clientId} is registered.`);
      const { was } = await writeRule(tx, { tenantId, pattern: clientId, trust }, cause);
      return { clientId, trust, was };
    }
    const { was, tenant } = changed;
    await recordAudit(
      tx,
      {
        event: 'client.trust_changed',
        outcome: 'success',
        tenant,
        client: clientId,
        detail: { trust, was },
      },
      cause,
    );
    return { clientId, trust, was };
  });
}
