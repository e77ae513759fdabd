import type { Cause } from '../../../kernel/cause.ts';
import type { Prisma, PrismaClient } from '../../../platform/database/generated/client.ts';
import { recordAudit } from '../../audit/index.ts';

import { type ClientRecord, upsertClient } from '../store.ts';
import type { ClientDocument } from './documents.ts';
import { changesBetween, snapshotOf } from './snapshot.ts';

/**
 * Keeps what a client's metadata document said when somebody allowed it something: as the client's record,
 * `untrusted` when it is new, and as the snapshot that grants and consents of this version are held to.
 *
 * Again it takes over what the document says now, while the client's trust level, which is ours to give,
 * and the snapshots of other versions stay. A pre-registered or removed client of that id wins: nothing is written
 * and the answer is `kept`.
 */
export async function keepDocument(
  prisma: PrismaClient,
  { metadata, version }: ClientDocument,
  /** Whose record the client is. */
  tenantId: string,
  cause: Cause,
): Promise<'created' | 'updated' | 'kept'> {
  const {
    client_id: id = '',
    client_name,
    redirect_uris,
    grant_types,
    token_endpoint_auth_method,
    ...rest
  } = metadata;
  const said = {
    name: client_name,
    authMethod: token_endpoint_auth_method,
    redirectUris: [...redirect_uris],
    grantTypes: [...grant_types],
  };
  const record: ClientRecord = {
    id,
    tenantId,
    registration: 'document',
    trust: 'untrusted',
    ...said,
    metadata: rest,
    secretHash: undefined,
  };
  return prisma.$transaction(async (tx) => {
    const before = await tx.client.findUnique({ where: { id } });
    const outcome = await upsertClient(tx, record);
    if (outcome === 'kept') return outcome;
    const snapshot = { clientId: id, version: new Uint8Array(Buffer.from(version, 'base64url')) };
    const stated = { metadata: rest as unknown as Prisma.InputJsonObject };
    const kept = await tx.clientSnapshot.createMany({
      data: { ...snapshot, ...said, ...stated },
      skipDuplicates: true,
    });
    // The same client with the same keys, which may have other names now: the client signs with those.
    if (kept.count === 0) await tx.clientSnapshot.updateMany({ where: snapshot, data: stated });
    const changes = before ? changesBetween(snapshotOf(before), metadata) : [];
    if (outcome === 'created' || changes.length > 0) {
      await recordAudit(
        tx,
        {
          event: outcome === 'created' ? 'client.registered' : 'client.changed',
          outcome: 'success',
          tenant: tenantId,
          client: id,
          detail: {
            name: client_name,
            registration: 'document',
            redirect_uris: redirect_uris.slice(0, 10),
            ...(changes.length > 0 ? { changed: changes.map(({ what }) => what) } : {}),
          },
        },
        cause,
      );
    }
    return outcome;
  });
}
