import type { KeyObject } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Pool } from 'pg';
import type { Clock } from '../../kernel/clock.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { Sealer } from '../../platform/crypto/seal.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { createFresh } from './fresh.ts';
import { generateKey, type KeyInfo, type PublicJwk, readPrivateKey, type SigningAlgorithm } from './key.ts';
import {
  findCurrentKid,
  insertCurrentKey,
  listKeys,
  loadPublishedKeys,
  lockKeys,
  retireKey,
} from './store.ts';

export interface KeysDeps {
  readonly prisma: PrismaClient;
  readonly pool: Pool;
  readonly sealer: Sealer;
  /** Of keys that are made from now on. */
  readonly algorithm: SigningAlgorithm;
  readonly clock: Clock;
  /** Seconds that the longest-lived token lives: how long a retired key is still needed. */
  readonly tokenLifetime: number;
}

export interface CurrentKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
}

export interface Keys {
  /** Makes the first key; of processes that start together one does. Call it once, before anything signs. */
  ensure(origin: Origin): Promise<void>;
  /** The key that signs now. */
  current(): Promise<CurrentKey>;
  /** The JWK Set (RFC 7517 §5): public members of next, current and retired keys whose tokens may live. */
  jwks(): Promise<{ readonly keys: readonly PublicJwk[] }>;
  /** A JWT of these claims, signed by the current key. `typ` is `at+jwt` for access tokens (RFC 9068 §2.1). */
  sign(claims: object, header: { readonly typ: string }): Promise<string>;
  /** The claims of one of our own JWTs; `undefined` unless type, signature and time are right. */
  verify(
    token: string,
    expected: { readonly typ: string; readonly issuer: string },
  ): Promise<JWTPayload | undefined>;
  /** Every key there ever was, newest first. */
  list(): Promise<readonly KeyInfo[]>;
  /** Makes a new current key and retires the old one, which stays published while its tokens may live. */
  rotate(origin: Origin): Promise<{ readonly kid: string; readonly retired: string | undefined }>;
}

/** A rotation elsewhere is followed within this time. */
const MAX_AGE_MS = 1_000;
/** Tokens with an unknown kid make us look again, at most this often. */
const MIN_RELOAD_AGE_MS = 250;

/**
 * The signing keys of this installation.
 *
 * They live in the database, the private part sealed under the master key, and every process reads them
 * again once a second at most while it is asked for them. A process that has not seen a rotation yet signs
 * with a key that is retired and still published, so its tokens verify.
 *
 * @throws SealBroken from `current` and `sign` when the master key is not the one they were sealed under.
 */
export function createKeys(deps: KeysDeps): Keys {
  const { prisma, pool, sealer, algorithm, clock, tokenLifetime } = deps;
  const privateKeys = new Map<string, KeyObject>();
  const published = createFresh(() => loadPublishedKeys(pool, tokenLifetime), {
    clock,
    maxAge: MAX_AGE_MS,
    minAge: MIN_RELOAD_AGE_MS,
  });

  async function current(): Promise<CurrentKey> {
    const isCurrent = ({ state }: { state: string }) => state === 'current';
    const key = (await published.get()).find(isCurrent) ?? (await published.reload()).find(isCurrent);
    if (!key) throw new Error('there is no current signing key: ensure() makes the first one');
    const { kid, alg } = key.publicJwk;
    let privateKey = privateKeys.get(kid);
    if (!privateKey) {
      privateKey = readPrivateKey(sealer.open(sealContext(kid), key.privateSealed));
      privateKeys.clear();
      privateKeys.set(kid, privateKey);
    }
    return { kid, algorithm: alg, privateKey };
  }

  async function publicKey(kid: string | undefined): Promise<PublicJwk | undefined> {
    const hasKid = ({ publicJwk }: { publicJwk: PublicJwk }) => publicJwk.kid === kid;
    const key = (await published.get()).find(hasKid) ?? (await published.reload()).find(hasKid);
    return key?.publicJwk;
  }

  async function makeCurrent(tx: Prisma.TransactionClient): Promise<string> {
    const { publicJwk, pkcs8 } = await generateKey(algorithm);
    await insertCurrentKey(tx, publicJwk, sealer.seal(sealContext(publicJwk.kid), pkcs8));
    return publicJwk.kid;
  }

  return {
    async ensure(origin) {
      await prisma.$transaction(async (tx) => {
        await lockKeys(tx);
        if ((await findCurrentKid(tx)) !== undefined) return;
        const kid = await makeCurrent(tx);
        await recordAudit(
          tx,
          { event: 'key.created', outcome: 'success', detail: { kid, algorithm } },
          origin,
        );
      });
      published.forget();
    },

    current,

    async jwks() {
      return { keys: (await published.get()).map(({ publicJwk }) => publicJwk) };
    },

    async sign(claims, { typ }) {
      const { kid, algorithm: alg, privateKey } = await current();
      return new SignJWT({ ...claims }).setProtectedHeader({ alg, kid, typ }).sign(privateKey);
    },

    async verify(token, { typ, issuer }) {
      try {
        const { payload } = await jwtVerify(
          token,
          async ({ kid, alg }) => {
            const key = await publicKey(kid);
            // RFC 8725 §3.1: the key says which algorithm is right, never the token.
            if (key?.alg !== alg) throw new errors.JWKSNoMatchingKey();
            return key;
          },
          { typ, issuer, currentDate: clock(), requiredClaims: ['exp'] },
        );
        return payload;
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },

    list: () => listKeys(pool, tokenLifetime),

    async rotate(origin) {
      const rotated = await prisma.$transaction(async (tx) => {
        await lockKeys(tx);
        const retired = await findCurrentKid(tx);
        if (retired !== undefined) await retireKey(tx, retired);
        const kid = await makeCurrent(tx);
        await recordAudit(
          tx,
          { event: 'key.rotated', outcome: 'success', detail: { kid, algorithm, retired: retired ?? null } },
          origin,
        );
        return { kid, retired };
      });
      published.forget();
      return rotated;
    },
  };
}

const sealContext = (kid: string) => ({ purpose: 'signing-key', owner: kid });
