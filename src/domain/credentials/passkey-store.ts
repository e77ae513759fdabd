import { AlreadyExists } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';

import type { Db } from './store.ts';

/** A passkey that was judged and is not stored yet. */
export interface NewPasskey {
  readonly credentialId: string;
  /** COSE_Key (RFC 9052 §7). */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly signCount: number;
  readonly transports: readonly string[];
  readonly backedUp: boolean;
}

/** @throws AlreadyExists when the credential is registered already, for whomever. */
export async function storePasskey(
  tx: Db,
  userId: string,
  passkey: NewPasskey,
  name: string,
): Promise<string> {
  const id = newId('pky');
  const { count } = await tx.passkey.createMany({
    data: [
      {
        id,
        userId,
        credentialId: passkey.credentialId,
        publicKey: passkey.publicKey,
        signCount: BigInt(passkey.signCount),
        transports: [...passkey.transports],
        backedUp: passkey.backedUp,
        name,
      },
    ],
    skipDuplicates: true,
  });
  if (count === 0) throw new AlreadyExists('the credential is registered already');
  return id;
}

/**
 * Moves the signature counter forward; false when it did not grow (WebAuthn Level 3 §6.1.1).
 *
 * Authenticators that do not count always say zero, which is accepted as long as nothing else was
 * ever said. One statement, so that two assertions with one counter value cannot both pass.
 */
export async function advanceCounter(
  db: Db,
  passkeyId: string,
  counter: number,
  backedUp: boolean,
): Promise<boolean> {
  const count = await db.$executeRaw`
    UPDATE passkeys SET sign_count = ${counter}::bigint, backed_up = ${backedUp}, last_used_at = now()
    WHERE id = ${passkeyId} AND (sign_count < ${counter}::bigint OR (sign_count = 0 AND ${counter}::bigint = 0))`;
  return count === 1;
}
