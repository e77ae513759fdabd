import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { byUser, type Cause } from '../../kernel/cause.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import { NotFound } from '../../kernel/errors.ts';
import { recordAudit } from '../audit/index.ts';

import type { AttemptPurpose, Attempts } from './attempts.ts';
import type { Browser } from './browser.ts';
import { describeDevice } from './device.ts';
import { FieldRefused } from './errors.ts';
import { type NewPasskey, storePasskey } from './passkey-store.ts';
import { ALGORITHMS, createVerifier } from './passkey-verify.ts';
import type { Db } from './store.ts';
import { loadWebAuthn } from './webauthn.ts';

/** A person's passkey, as it is shown to them. */
export interface PasskeyInfo {
  readonly id: string;
  readonly name: string;
  /** It is kept by an account of its maker and found on other devices too. */
  readonly backedUp: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
}

/** For whom a passkey is made; `userId` may belong to a person who is stored together with the passkey. */
export interface PasskeyOwner {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
}

/**
 * Passkeys: discoverable WebAuthn credentials with user verification, which count as two factors.
 *
 * Both ceremonies belong to an attempt, which holds the one challenge and for what it was made:
 * options first, then one response. Whatever the response says, its challenge is spent by it.
 */
export interface Passkeys {
  /** Options for making one (WebAuthn Level 3 §7.1). */
  registrationOptions(
    attempt: { readonly token: string; readonly purpose: AttemptPurpose },
    owner: PasskeyOwner,
  ): Promise<PublicKeyCredentialCreationOptionsJSON>;
  /**
   * Judges a new passkey. It is the caller's to `store`, for the person that the attempt was begun
   * for, and for nobody else who may be signed in meanwhile.
   *
   * @throws PasskeyRefused
   */
  verifyRegistration(
    attempt: { readonly token: string; readonly purpose: AttemptPurpose },
    response: unknown,
  ): Promise<{ readonly userId: string; readonly passkey: NewPasskey }>;
  /**
   * Stores a passkey that was judged, named after the browser and the day.
   *
   * @throws AlreadyExists when the authenticator's credential is registered already.
   */
  store(tx: Db, userId: string, passkey: NewPasskey, browser: Browser): Promise<string>;

  /** Options for using one: no list of credentials, so that nothing tells who exists. */
  authenticationOptions(attemptToken: string): Promise<PublicKeyCredentialRequestOptionsJSON>;
  /**
   * Judges an assertion, and moves the signature counter with it.
   *
   * @throws PasskeyRefused
   */
  verifyAuthentication(
    attemptToken: string,
    response: unknown,
  ): Promise<{ readonly userId: string; readonly passkeyId: string }>;

  list(userId: string): Promise<readonly PasskeyInfo[]>;
  /** @throws NotFound, also for the passkey of another person; FieldRefused */
  rename(userId: string, passkeyId: string, name: string): Promise<void>;
  /** @throws NotFound, also for the passkey of another person. */
  remove(tx: Db, userId: string, passkeyId: string, cause: Cause): Promise<void>;
}

const MAX_NAME_LENGTH = 60;
/** Milliseconds that a browser waits for the person. */
const TIMEOUT = 300_000;

/** @param issuer its host is the relying party's id, its origin the only one that a ceremony may run on. */
export function createPasskeys({
  prisma,
  attempts,
  issuer,
  clock = systemClock,
}: {
  readonly prisma: Db;
  readonly attempts: Attempts;
  readonly issuer: string;
  readonly clock?: Clock;
}): Passkeys {
  const { hostname: rpID, origin } = new URL(issuer);
  const verifier = createVerifier({ prisma, attempts, rpID, origin });

  return {
    async registrationOptions({ token, purpose }, { userId, email, name }) {
      const known = await prisma.passkey.findMany({ where: { userId } });
      const { generateRegistrationOptions } = await loadWebAuthn();
      const options = await generateRegistrationOptions({
        rpName: 'Gatehouse',
        rpID,
        userID: new TextEncoder().encode(userId),
        userName: email,
        userDisplayName: name,
        timeout: TIMEOUT,
        attestationType: 'none',
        supportedAlgorithmIDs: [...ALGORITHMS],
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        excludeCredentials: known.map((passkey) => ({
          id: passkey.credentialId,
          transports: passkey.transports,
        })),
      });
      await attempts.challenge(token, purpose, options.challenge);
      return options;
    },

    verifyRegistration: ({ token, purpose }, response) =>
      verifier.registration(token, purpose, response as RegistrationResponseJSON),

    async store(tx, userId, passkey, { origin, userAgent }) {
      const id = await storePasskey(tx, userId, passkey, nameFor(userAgent, clock()));
      const detail = { passkey: id, backed_up: passkey.backedUp };
      await recordAudit(
        tx,
        { event: 'passkey.registered', outcome: 'success', subject: userId, detail },
        byUser(userId, origin),
      );
      return id;
    },

    async authenticationOptions(attemptToken) {
      const { generateAuthenticationOptions } = await loadWebAuthn();
      const options = await generateAuthenticationOptions({
        rpID,
        userVerification: 'required',
        timeout: TIMEOUT,
      });
      await attempts.challenge(attemptToken, 'sign-in', options.challenge);
      return options;
    },

    verifyAuthentication: (attemptToken, response) =>
      verifier.authentication(attemptToken, response as AuthenticationResponseJSON),

    async list(userId) {
      const passkeys = await prisma.passkey.findMany({ where: { userId }, orderBy: { createdAt: 'asc' } });
      return passkeys.map(({ id, name, backedUp, createdAt, lastUsedAt }) => ({
        id,
        name,
        backedUp,
        createdAt,
        lastUsedAt: lastUsedAt ?? undefined,
      }));
    },

    async rename(userId, passkeyId, name) {
      const given = name.trim();
      if (given === '' || given.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(given)) {
        throw new FieldRefused('name', `a name has 1 to ${MAX_NAME_LENGTH} characters`);
      }
      const { count } = await prisma.passkey.updateMany({
        where: { id: passkeyId, userId },
        data: { name: given },
      });
      if (count === 0) throw new NotFound('there is no such passkey');
    },

    async remove(tx, userId, passkeyId, from) {
      const { count } = await tx.passkey.deleteMany({ where: { id: passkeyId, userId } });
      if (count === 0) throw new NotFound('there is no such passkey');
      const detail = { passkey: passkeyId };
      await recordAudit(tx, { event: 'passkey.removed', outcome: 'success', subject: userId, detail }, from);
    },
  };
}

const days = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

/** What a passkey is called until its owner names it: "Chrome on Linux, 1 December 2026". */
function nameFor(userAgent: string | undefined, now: Date): string {
  return `${describeDevice(userAgent)}, ${days.format(now)}`;
}
