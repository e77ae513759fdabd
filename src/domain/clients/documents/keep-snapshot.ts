import type { Prisma } from '../../../platform/database/generated/client.ts';

import type { Client } from '../client.ts';
import { snapshotOf, versionOf } from './snapshot.ts';

type Said = Pick<Client, 'id' | 'name' | 'authMethod' | 'redirectUris' | 'grantTypes' | 'metadata'>;

const bytesOf = (client: Said) => new Uint8Array(Buffer.from(versionOf(snapshotOf(client)), 'base64url'));

/** Keeps what a client says about itself as the version that grants and consents can name. Once is enough. */
export async function keepSnapshot(tx: Prisma.TransactionClient, client: Said): Promise<void> {
  const { id, name, authMethod, redirectUris, grantTypes, metadata } = client;
  await tx.clientSnapshot.createMany({
    data: {
      clientId: id,
      version: bytesOf(client),
      name,
      authMethod,
      redirectUris: [...redirectUris],
      grantTypes: [...grantTypes],
      metadata: metadata as Prisma.InputJsonObject,
    },
    skipDuplicates: true,
  });
}

/** Forgets the versions of a client that nobody's grant and consent rests on, other than the one that it is. */
export async function forgetSnapshots(tx: Prisma.TransactionClient, client: Said): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM client_snapshots cs WHERE cs.client_id = ${client.id} AND cs.version <> ${bytesOf(client)}
      AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = cs.client_id AND g.client_version = cs.version)
      AND NOT EXISTS (SELECT 1 FROM consents k WHERE k.client_id = cs.client_id AND k.client_version = cs.version)`;
}
