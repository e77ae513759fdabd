import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';

import { hashSecret } from '../../kernel/ids.ts';

import type { AttemptPurpose, Attempts } from './attempts.ts';
import { PasskeyRefused } from './errors.ts';
import { advanceCounter, type NewPasskey } from './passkey-store.ts';
import type { Db } from './store.ts';
import { loadWebAuthn } from './webauthn.ts';

/** COSE algorithms of new passkeys: ES256, EdDSA, RS256; every authenticator has one of them. */
export const ALGORITHMS: readonly number[] = [-7, -8, -257];

const TRANSPORTS = new Set(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']);

/**
 * Judges the responses of both ceremonies.
 *
 * What the library does not decide is decided here: that the challenge was ours, for this purpose
 * and unspent; that the credential belongs to whom the response names; and what a counter means.
 */
export function createVerifier({
  prisma,
  attempts,
  rpID,
  origin,
}: {
  readonly prisma: Db;
  readonly attempts: Attempts;
  readonly rpID: string;
  readonly origin: string;
}) {
  /** Spends the attempt's challenge and makes the comparison that the library asks for. */
  const challengeOf = async (token: string, purpose: AttemptPurpose) => {
    const taken = await attempts.takeChallenge(token, purpose);
    if (!taken) throw new PasskeyRefused('challenge_unknown');
    const expectedChallenge = (challenge: string) => hashSecret(challenge).equals(taken.challengeHash);
    return { expectedChallenge, userId: taken.attempt.userId };
  };

  return {
    async registration(
      token: string,
      purpose: AttemptPurpose,
      response: RegistrationResponseJSON,
    ): Promise<{ readonly userId: string; readonly passkey: NewPasskey }> {
      const { expectedChallenge, userId } = await challengeOf(token, purpose);
      if (userId === undefined) throw new PasskeyRefused('challenge_unknown');
      const { verifyRegistrationResponse } = await loadWebAuthn();
      const { registrationInfo } = await verifyRegistrationResponse({
        response,
        expectedChallenge,
        expectedOrigin: origin,
        expectedRPID: rpID,
        requireUserVerification: true,
        supportedAlgorithmIDs: [...ALGORITHMS],
      }).catch((cause: unknown) => {
        throw new PasskeyRefused('verification_failed', { cause });
      });
      if (!registrationInfo) throw new PasskeyRefused('verification_failed');

      const { credential, credentialBackedUp } = registrationInfo;
      const passkey = {
        credentialId: credential.id,
        publicKey: credential.publicKey,
        signCount: credential.counter,
        transports: knownTransports(response.response.transports),
        backedUp: credentialBackedUp,
      };
      return { userId, passkey };
    },

    async authentication(token: string, response: AuthenticationResponseJSON) {
      const { expectedChallenge } = await challengeOf(token, 'sign-in');
      if (typeof response?.id !== 'string' || typeof response.response !== 'object') {
        throw new PasskeyRefused('malformed_response');
      }
      const passkey = await prisma.passkey.findUnique({ where: { credentialId: response.id } });
      if (!passkey) throw new PasskeyRefused('unknown_passkey');
      const about = { userId: passkey.userId, passkeyId: passkey.id };

      // §7.2 step 6: nobody was identified before, so the authenticator must say whose it is.
      if (response.response?.userHandle !== Buffer.from(passkey.userId).toString('base64url')) {
        throw new PasskeyRefused('foreign_user_handle', about);
      }
      const { verifyAuthenticationResponse } = await loadWebAuthn();
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response,
        expectedChallenge,
        expectedOrigin: origin,
        expectedRPID: rpID,
        requireUserVerification: true,
        // The library compares counters before it looks at the signature, so that anybody could
        // raise the alarm; ours is compared afterwards.
        credential: { id: passkey.credentialId, publicKey: new Uint8Array(passkey.publicKey), counter: 0 },
      }).catch((cause: unknown) => {
        throw new PasskeyRefused('verification_failed', { ...about, cause });
      });
      if (!verified) throw new PasskeyRefused('verification_failed', about);

      const { newCounter, credentialBackedUp } = authenticationInfo;
      if (!(await advanceCounter(prisma, passkey.id, newCounter, credentialBackedUp))) {
        throw new PasskeyRefused('counter_regressed', about);
      }
      return about;
    },
  };
}

/** Hints, which are not signed: whatever else is said there is dropped. */
function knownTransports(said: unknown): readonly string[] {
  return Array.isArray(said) ? said.filter((transport) => TRANSPORTS.has(transport)) : [];
}
