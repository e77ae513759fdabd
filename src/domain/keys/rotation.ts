import type { Pool } from 'pg';

import { byHousekeeping, type Cause } from '../../kernel/cause.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { DATA_KEY_PURPOSES, type DataKeys } from './data-keys.ts';
import { keepFirstKey } from './first-key.ts';
import { generateKey, type SigningAlgorithm } from './key.ts';
import { authenticateKey, revokeForgedKeys } from './key-mac.ts';
import { replaceDataKeys } from './replace-data-keys.ts';
import { replaceSecret } from './replace-secret.ts';
import { runIn } from './run.ts';
import { signingKeyPlace } from './sealed-places.ts';
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
  readonly dataKeys: DataKeys;
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
  ensure(cause: Cause): Promise<void>;
  /** Publishes a key that signs later. While there is one already, answers that one. */
  begin(cause: Cause): Promise<KeyInTurn>;
  /**
   * Makes a key that signs now, and drops every other, whose tokens are worth nothing from then on. Replaces the
   * secret that refresh tokens are derived with: every family whose newest token it made is dead.
   */
  replaceCompromised(cause: Cause): Promise<EmergencyRotation>;
  /**
   * Lets the next key sign if it is time. Of many who try at once one does it, and the others do not
   * wait for it. Answers whether it was this one.
   */
  promote(): Promise<boolean>;
  /** What is due: promotion, and the rotation that the age of the current key asks for. */
  maintain(): Promise<void>;
}

/** A transaction that holds the lock of the keys, and the data keys as it sees them. */
interface Step {
  readonly tx: Prisma.TransactionClient;
  readonly sealer: DataKeys;
}

/** Server secrets that a compromise replaces. */
const REPLACED_SECRETS = ['refresh-derivation', 'cookies', 'forms', 'totp-proposals'] as const;

/** Seconds in which a second report of a compromise is about the same keys, and does not drop their successor. */
const SAME_ALARM = 10;

/**
 * How keys follow one another. Each step is one transaction, under one lock for all processes, with its
 * audit records: a process that dies in it leaves the state before, and any other goes on from there.
 */
export function createRotation(deps: RotationDeps): RotationSteps {
  const { prisma, pool, dataKeys, algorithm, tokenLifetime, jwksLifetime, skew, rotateAfter } = deps;

  async function makeNext({ tx, sealer }: Step, publication: number, cause: Cause) {
    const { publicJwk, pkcs8 } = await generateKey(algorithm);
    const { kid } = publicJwk;
    const sealed = sealer.seal(signingKeyPlace(kid), pkcs8);
    const effectiveAt = await insertNextKey(tx, sealer, publicJwk, sealed, { publication, tokenLifetime });
    const detail = { kid, algorithm, effective_at: effectiveAt.toISOString() };
    await recordAudit(tx, { event: 'key.created', outcome: 'success', detail }, cause);
    return { kid, effectiveAt };
  }

  async function promoteDue({ tx, sealer }: Step): Promise<boolean> {
    const due = await findDueKey(tx);
    if (!due) return false;
    const retired = await retireCurrentKey(tx, sealer, { tokenLifetime, skew });
    await promoteKey(tx, sealer, due.kid);
    // Time did it, so the record names an actor and a request of its own.
    const cause = byHousekeeping('key-rotation');
    const detail = { kid: due.kid, retired: retired ?? null };
    await recordAudit(tx, { event: 'key.rotated', outcome: 'success', detail }, cause);
    return true;
  }

  async function beginUnlessBegun(step: Step, cause: Cause): Promise<KeyInTurn> {
    const begun = await findKey(step.tx, 'next');
    if (begun) return begun;
    const made = await makeNext(step, jwksLifetime + skew, cause);
    return { ...made, algorithm, state: 'next' };
  }

  /** Makes a key that signs at once, where a forged or altered row left the store without one. */
  async function ensureCurrent(step: Step, cause: Cause): Promise<void> {
    if (await findKey(step.tx, 'current')) return;
    const { kid } = await makeNext(step, 0, cause);
    await promoteKey(step.tx, step.sealer, kid);
  }

  async function begin(tx: Prisma.TransactionClient): Promise<Step> {
    const run = runIn(tx);
    const sealer = await dataKeys.within(run);
    for (const kid of await revokeForgedKeys(run, sealer)) {
      const entry = {
        event: 'key.revoked',
        outcome: 'success',
        reason: 'not_authentic',
        detail: { kid },
      } as const;
      await recordAudit(tx, entry, byHousekeeping('key-authentication'));
    }
    return { tx, sealer };
  }

  const locked = <T>(work: (step: Step) => Promise<T>): Promise<T> =>
    prisma.$transaction(async (tx) => {
      await lockKeys(tx);
      return work(await begin(tx));
    });

  return {
    async ensure(cause) {
      const made = await generateKey(algorithm);
      await keepFirstKey(pool, dataKeys, { ...made, tokenLifetime }, cause);
    },

    begin: (cause) =>
      locked(async (step) => {
        await promoteDue(step);
        await ensureCurrent(step, cause);
        return beginUnlessBegun(step, cause);
      }),

    async replaceCompromised(cause) {
      const replaced = await locked(async ({ tx, sealer: before }) => {
        const current = await findKey(tx, 'current');
        const alreadyRevoked = await findRevokedWithin(tx, before, SAME_ALARM);
        if (current && alreadyRevoked.length > 0) return { ...current, revoked: alreadyRevoked };

        const revoked = await revokePublishedKeys(tx);
        // A process whose signing key leaked may have leaked these too.
        const sealer = await replaceDataKeys(tx, dataKeys.master, {
          made: DATA_KEY_PURPOSES,
          dropped: ['signing-key', 'signing-key-mac'],
        });
        for (const purpose of REPLACED_SECRETS) await replaceSecret(tx, sealer, purpose);
        const { kid, effectiveAt } = await makeNext({ tx, sealer }, 0, cause);
        await promoteKey(tx, sealer, kid);
        for (const dropped of revoked) {
          await authenticateKey(runIn(tx), sealer, dropped);
          const detail = { kid: dropped, replaced_by: kid };
          await recordAudit(
            tx,
            { event: 'key.revoked', outcome: 'success', reason: 'compromised', detail },
            cause,
          );
        }
        return { kid, algorithm, state: 'current' as const, effectiveAt, revoked };
      });
      await dataKeys.reload();
      return replaced;
    },

    promote: () => prisma.$transaction(async (tx) => (await tryLockKeys(tx)) && promoteDue(await begin(tx))),

    maintain: () =>
      locked(async (step) => {
        const cause = byHousekeeping('key-rotation');
        await promoteDue(step);
        await ensureCurrent(step, cause);
        const current = rotateAfter > 0 ? await findKey(step.tx, 'current') : undefined;
        if (current && (await hasSignedFor(step.tx, current.kid, rotateAfter))) {
          await beginUnlessBegun(step, cause);
        }
      }),
  };
}
