import type { Pool } from 'pg';

import { newId } from '../../kernel/ids.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { Sealer } from '../../platform/crypto/seal.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { keepFirstKey } from './first-key.ts';
import { generateKey, type SigningAlgorithm } from './key.ts';
import { replaceSecret } from './replace-secret.ts';
import {
  findDueKey,
  findKey,
  findRevokedWithin,
  hasSignedFor,
  insertNextKey,
  type KeyInTurn,
  lockKeys,
  promoteKey,
  retireCurrentKey,
  revokePublishedKeys,
  tryLockKeys,
} from './transitions.ts';

export interface RotationDeps {
  readonly prisma: PrismaClient;
  readonly pool: Pool;
  readonly sealer: Sealer;
  /** Of keys that are made from now on. */
  readonly algorithm: SigningAlgorithm;
  /** Seconds that the longest-lived token lives: how long a retired key is still needed. */
  readonly tokenLifetime: number;
  /** Seconds that verifiers may keep the JWKS: how long a new key must be published before it signs. */
  readonly jwksLifetime: number;
  /** Seconds that both are prolonged by, for clocks, slow fetches and the second in which processes follow. */
  readonly skew: number;
  /** Seconds after which the current key is replaced; 0 leaves it to people. */
  readonly rotateAfter: number;
}

/** A rotation that did not wait, and the keys that it dropped. */
export interface EmergencyRotation extends KeyInTurn {
  readonly revoked: readonly string[];
}

export interface RotationSteps {
  /** Makes the first key; of processes that start together one does. */
  ensure(origin: Origin): Promise<void>;
  /** Publishes a key that signs later. While there is one already, answers that one. */
  begin(origin: Origin): Promise<KeyInTurn>;
  /**
   * Makes a key that signs now, and drops every other, whose tokens are worth nothing from then on. Replaces the
   * secret that refresh tokens are derived with: every family whose newest token it made is dead.
   */
  replaceCompromised(origin: Origin): Promise<EmergencyRotation>;
  /**
   * Lets the next key sign if it is time. Of many who try at once one does it, and the others do not
   * wait for it. Answers whether it was this one.
   */
  promote(): Promise<boolean>;
  /** What is due: promotion, and the rotation that the age of the current key asks for. */
  maintain(): Promise<void>;
}

/** Seconds in which a second report of a compromise is about the same keys, and does not drop their successor. */
const SAME_ALARM = 10;

/**
 * How keys follow one another. Each step is one transaction, under one lock for all processes, with its
 * audit records: a process that dies in it leaves the state before, and any other goes on from there.
 */
export function createRotation(deps: RotationDeps): RotationSteps {
  const { prisma, pool, sealer, algorithm, tokenLifetime, jwksLifetime, skew, rotateAfter } = deps;

  async function makeKey() {
    const { publicJwk, pkcs8 } = await generateKey(algorithm);
    return { publicJwk, privateSealed: sealer.seal(sealContext(publicJwk.kid), pkcs8) };
  }

  async function makeNext(tx: Prisma.TransactionClient, publication: number, origin: Origin) {
    const { publicJwk, privateSealed } = await makeKey();
    const { kid } = publicJwk;
    const effectiveAt = await insertNextKey(tx, publicJwk, privateSealed, { publication, tokenLifetime });
    const detail = { kid, algorithm, effective_at: effectiveAt.toISOString() };
    await recordAudit(tx, { event: 'key.created', outcome: 'success', detail }, origin);
    return { kid, effectiveAt };
  }

  async function promoteDue(tx: Prisma.TransactionClient): Promise<boolean> {
    const due = await findDueKey(tx);
    if (!due) return false;
    const retired = await retireCurrentKey(tx, { tokenLifetime, skew });
    await promoteKey(tx, due.kid);
    // Time did it, so the record names a request of its own.
    const origin = { requestId: newId('req') };
    const detail = { kid: due.kid, retired: retired ?? null };
    await recordAudit(tx, { event: 'key.rotated', outcome: 'success', detail }, origin);
    return true;
  }

  async function beginUnlessBegun(tx: Prisma.TransactionClient, origin: Origin): Promise<KeyInTurn> {
    const begun = await findKey(tx, 'next');
    if (begun) return begun;
    const made = await makeNext(tx, jwksLifetime + skew, origin);
    return { ...made, algorithm, state: 'next' };
  }

  const locked = <T>(work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> =>
    prisma.$transaction(async (tx) => {
      await lockKeys(tx);
      return work(tx);
    });

  return {
    async ensure(origin) {
      const { publicJwk, privateSealed } = await makeKey();
      await keepFirstKey(pool, { publicJwk, privateSealed, tokenLifetime }, origin);
    },

    begin: (origin) =>
      locked(async (tx) => {
        await promoteDue(tx);
        return beginUnlessBegun(tx, origin);
      }),

    replaceCompromised: (origin) =>
      locked(async (tx) => {
        const current = await findKey(tx, 'current');
        const alreadyRevoked = await findRevokedWithin(tx, SAME_ALARM);
        if (current && alreadyRevoked.length > 0) return { ...current, revoked: alreadyRevoked };

        const revoked = await revokePublishedKeys(tx);
        await replaceSecret(tx, sealer, 'refresh-derivation');
        const { kid, effectiveAt } = await makeNext(tx, 0, origin);
        await promoteKey(tx, kid);
        for (const dropped of revoked) {
          const detail = { kid: dropped, replaced_by: kid };
          await recordAudit(
            tx,
            { event: 'key.revoked', outcome: 'success', reason: 'compromised', detail },
            origin,
          );
        }
        return { kid, algorithm, state: 'current', effectiveAt, revoked };
      }),

    promote: () => prisma.$transaction(async (tx) => (await tryLockKeys(tx)) && promoteDue(tx)),

    maintain: () =>
      locked(async (tx) => {
        await promoteDue(tx);
        const current = rotateAfter > 0 ? await findKey(tx, 'current') : undefined;
        if (current && (await hasSignedFor(tx, current.kid, rotateAfter))) {
          await beginUnlessBegun(tx, { requestId: newId('req') });
        }
      }),
  };
}

/** Where the private part of a key is sealed to. */
export const sealContext = (kid: string) => ({ purpose: 'signing-key', owner: kid });
