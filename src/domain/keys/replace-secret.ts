import { randomBytes } from 'node:crypto';

import type { Sealer } from '../../platform/crypto/box.ts';
import type { Prisma } from '../../platform/database/generated/client.ts';

import { secretPlace } from './sealed-places.ts';
import type { SecretPurpose } from './secrets.ts';

/** SQL: the oldest version of a server secret that was not dropped; NULL while none was made. */
export const oldestSecretVersion = (purpose: SecretPurpose) =>
  `(SELECT min(version) FROM server_secrets WHERE purpose = '${purpose}')`;

/**
 * Replaces a compromised server secret inside the transaction of the act: makes a new version and deletes every
 * other, so that nothing is derived with them again. Returns the new version. The caller holds the lock of the keys.
 */
export async function replaceSecret(
  tx: Prisma.TransactionClient,
  sealer: Sealer,
  purpose: SecretPurpose,
): Promise<number> {
  // Version 1 is skipped: a process that makes the first secret at this moment takes it.
  const [row] = await tx.$queryRaw<{ version: number }[]>`
    SELECT GREATEST(COALESCE(max(version), 1), 1) + 1 AS version FROM server_secrets WHERE purpose = ${purpose}`;
  const version = row?.version ?? 2;
  const sealed = new Uint8Array(sealer.seal(secretPlace(purpose, version), randomBytes(32)));
  await tx.$executeRaw`
    INSERT INTO server_secrets (purpose, version, sealed) VALUES (${purpose}, ${version}::int, ${sealed})`;
  await tx.$executeRaw`DELETE FROM server_secrets WHERE purpose = ${purpose} AND version < ${version}::int`;
  return version;
}
