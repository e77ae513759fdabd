import type { KeyObject } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { Cause } from '../../kernel/cause.ts';
import type { Clock } from '../../kernel/clock.ts';

import { createFresh } from './fresh.ts';
import { type KeyInfo, type PublicJwk, readPrivateKey, type SigningAlgorithm } from './key.ts';
import { createRotation, type EmergencyRotation, type RotationDeps } from './rotation.ts';
import { signingKeyPlace } from './sealed-places.ts';
import { signJwt } from './sign-jwt.ts';
import { listKeys, loadPublishedKeys, raiseTokenLifetime } from './store.ts';
import type { KeyInTurn } from './transitions.ts';

export interface KeysDeps extends RotationDeps {
  readonly clock: Clock;
  /** Called with the key id of each published row whose MAC does not verify, once for each. */
  readonly onForged?: (kid: string) => void;
}

export interface CurrentKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
}

export interface Keys {
  /** Makes the first key; of processes that start together one does. Call it once, before anything signs. */
  ensure(cause: Cause): Promise<void>;
  /** Whether there is an authentic key that signs now. Issues one query at most. */
  canSign(): Promise<boolean>;
  /** The key that signs now. */
  current(): Promise<CurrentKey>;
  /**
   * The JWK Set (RFC 7517 §5): public members of next, current and retired keys whose tokens may live. The
   * same object until the keys were read again.
   */
  jwks(): Promise<{ readonly keys: readonly PublicJwk[] }>;
  /** A JWT of these claims, signed by the current key. `typ` is `at+jwt` for access tokens (RFC 9068 §2.1). */
  sign(claims: object, header: { readonly typ: string }): Promise<string>;
  /**
   * The claims of one of our own JWTs; `undefined` unless type, signature and issuer are right. It has an `exp`, which
   * may have passed: whether it has is asked of the store, where the token is looked up anyway.
   */
  verify(
    token: string,
    expected: { readonly typ: string; readonly issuer: string },
  ): Promise<JWTPayload | undefined>;
  /** Every key there ever was, newest first. */
  list(): Promise<readonly KeyInfo[]>;
  /**
   * Publishes a new key, which signs once every verifier can have seen it; the old one is then retired and
   * stays published while its tokens may live. While a new key waits already, answers that one.
   */
  rotate(cause: Cause): Promise<KeyInTurn>;
  /**
   * Makes a new key that signs now, and drops all others: whoever could read one could read those that lay
   * beside it. Their tokens verify no more, here at once and in other processes within a second. The secret that
   * refresh tokens are derived with is dropped too.
   */
  replaceCompromised(cause: Cause): Promise<EmergencyRotation>;
  /** Does what is due by time: lets the next key sign, begins the rotation that is scheduled. For one process at a time. */
  maintain(): Promise<void>;
}

/** No token has expired then. */
const BEFORE_ALL = new Date(0);
/** A change elsewhere is followed within this time. */
const MAX_AGE_MS = 1_000;
/** Rows that this process reports; more say nothing new. */
const MAX_REPORTED = 100;
/** Tokens with an unknown kid make us look again, at most this often. */
const MIN_RELOAD_AGE_MS = 250;

/**
 * The signing keys of this installation.
 *
 * They live in the database, the private part sealed and the row authenticated under data keys, and every process reads them
 * again once a second at most while it is asked for them. Whichever sees that it is time lets the next key
 * sign. One that has not seen it yet signs with a key that is retired and still published, so its tokens
 * verify.
 *
 * A row that this program did not write is not published and signs nothing.
 *
 * @throws SealBroken from `current` and `sign` when the sealed part was altered.
 */
export function createKeys(deps: KeysDeps): Keys {
  const { pool, dataKeys, clock, tokenLifetime } = deps;
  const rotation = createRotation(deps);
  let signer: CurrentKey | undefined;
  let shown: { readonly of: object; readonly set: { readonly keys: readonly PublicJwk[] } } | undefined;

  const reported = new Set<string>();
  function reportForged(kid: string): void {
    if (reported.has(kid) || reported.size > MAX_REPORTED) return;
    reported.add(kid);
    deps.onForged?.(kid);
  }

  const published = createFresh(
    async () => {
      const keys = await loadPublishedKeys(pool, dataKeys, reportForged);
      if (keys.some(({ due }) => due)) promoteBehind();
      return keys;
    },
    { clock, maxAge: MAX_AGE_MS, minAge: MIN_RELOAD_AGE_MS },
  );

  /**
   * Nobody waits for it: until it is done the old key signs, and is good. What fails is tried again by
   * whoever looks next, and `maintain` says why.
   */
  function promoteBehind(): void {
    rotation.promote().then(
      (done) => {
        if (done) published.forget();
      },
      () => undefined,
    );
  }

  async function current(): Promise<CurrentKey> {
    const isCurrent = ({ state }: { state: string }) => state === 'current';
    const key = (await published.get()).find(isCurrent) ?? (await published.reload()).find(isCurrent);
    if (!key?.privateSealed) throw new Error('there is no current signing key: ensure() makes the first one');
    const { kid, alg } = key.publicJwk;
    if (signer?.kid === kid) return signer;
    // Before the first signature, so that the key stays published for as long as any of its tokens lives.
    if (key.tokenLifetime < tokenLifetime) await raiseTokenLifetime(pool, dataKeys, kid, tokenLifetime);
    const privateKey = readPrivateKey(await dataKeys.open(signingKeyPlace(kid), key.privateSealed));
    signer = { kid, algorithm: alg, privateKey };
    return signer;
  }

  async function publicKey(kid: string | undefined): Promise<PublicJwk | undefined> {
    const hasKid = ({ publicJwk }: { publicJwk: PublicJwk }) => publicJwk.kid === kid;
    const key = (await published.get()).find(hasKid) ?? (await published.reload()).find(hasKid);
    return key?.publicJwk;
  }

  /** Sees its own changes at once. */
  async function changing<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    published.forget();
    return result;
  }

  return {
    ensure: (cause) => changing(rotation.ensure(cause)),
    rotate: (cause) => changing(rotation.begin(cause)),
    replaceCompromised: (cause) => changing(rotation.replaceCompromised(cause)),
    maintain: () => changing(rotation.maintain()),
    current,
    canSign: async () => (await published.get()).some(({ state }) => state === 'current'),

    async jwks() {
      const keys = await published.get();
      if (shown?.of !== keys) shown = { of: keys, set: { keys: keys.map(({ publicJwk }) => publicJwk) } };
      return shown.set;
    },

    async sign(claims, { typ }) {
      const { kid, algorithm: alg, privateKey } = await current();
      return signJwt(claims, { alg, kid, typ }, privateKey);
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
          { typ, issuer, currentDate: BEFORE_ALL, requiredClaims: ['exp'] },
        );
        return payload;
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },

    async list() {
      const found = await listKeys(pool, dataKeys);
      if (!found.some(({ due }) => due)) return found;
      await changing(rotation.promote());
      return listKeys(pool, dataKeys);
    },
  };
}
