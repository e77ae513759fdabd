import { createHmac, randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import type { Cause } from '../../kernel/cause.ts';
import type { Clock } from '../../kernel/clock.ts';
import { InvalidInput } from '../../kernel/errors.ts';
import { hashSecret } from '../../kernel/ids.ts';
import { recordAudit } from '../audit/index.ts';

import { totpPlace } from '../keys/index.ts';

import type { Db, Sealer } from './store.ts';

/** What every authenticator app understands (RFC 6238 §1.2 with the values of RFC 4226). */
const PARAMETERS = { algorithm: 'SHA1', digits: 6, period: 30 } as const;
/** One step before and after the present one (RFC 6238 §5.2). */
const WINDOW = 1;
const SEED_BYTES = 20;

/** A seed to be put into an authenticator app. */
export interface TotpProposal {
  /** Base32 without padding. */
  readonly secret: string;
  /** The same as an `otpauth:` URI, for a QR code. */
  readonly otpauthUri: string;
}

/** One-time codes from an authenticator app: the second factor beside a password. */
export interface Totps {
  /** A new random seed. */
  propose(email: string): TotpProposal;
  /**
   * The seed that belongs to an attempt: the same as often as asked, so that an enrolment page can
   * be shown again without a seed ever travelling back from the browser.
   */
  proposeFor(attemptToken: string, email: string): TotpProposal;
  /** The time step in which a code is right for a seed that is not enrolled yet. */
  stepOf(secret: string, code: string): number | undefined;
  /**
   * Stores a seed as the person's factor, in place of any other.
   *
   * @param step the step of the code that proved the seed, which is then spent.
   */
  enrol(
    tx: Db,
    factor: { userId: string; secret: string; step?: number | undefined },
    cause: Cause,
  ): Promise<void>;
  /** The step in which the code is right, whether or not it was used. Does the same work for nobody. */
  check(
    userId: string | undefined,
    code: string,
  ): Promise<{ readonly enrolled: boolean; readonly step: number | undefined }>;
  /** Spends a step: true for exactly one caller, and never again for this step or an earlier one (RFC 6238 §5.2). */
  spend(tx: Db, userId: string, step: number): Promise<boolean>;
  remove(tx: Db, userId: string, cause: Cause): Promise<void>;
}

export function createTotps({
  prisma,
  sealer,
  clock,
  issuer,
  proposals,
}: {
  readonly prisma: Db;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly issuer: string;
  /** The key that proposed seeds are derived with; the same in every process. */
  readonly proposals: Buffer;
}): Totps {
  const service = `Gatehouse (${new URL(issuer).hostname})`;
  const nobody = new Secret({ buffer: new Uint8Array(randomBytes(SEED_BYTES)).buffer });

  const proposal = (seed: Buffer, email: string): TotpProposal => {
    const secret = new Secret({ buffer: new Uint8Array(seed).buffer });
    const totp = new TOTP({ ...PARAMETERS, issuer: service, label: email, secret });
    return { secret: secret.base32, otpauthUri: totp.toString() };
  };

  const step = (secret: Secret, code: string): number | undefined => {
    const timestamp = clock().getTime();
    const token = code.replace(/\s/g, '');
    if (!/^\d{6}$/.test(token)) return undefined;
    const delta = TOTP.validate({ ...PARAMETERS, secret, token, timestamp, window: WINDOW });
    return delta === null ? undefined : TOTP.counter({ ...PARAMETERS, timestamp }) + delta;
  };

  return {
    propose: (email) => proposal(randomBytes(SEED_BYTES), email),

    proposeFor: (attemptToken, email) =>
      proposal(createHmac('sha1', proposals).update(hashSecret(attemptToken)).digest(), email),

    stepOf: (secret, code) => step(Secret.fromBase32(secret), code),

    async enrol(tx, { userId, secret, step: spent = 0 }, cause) {
      const bytes = Secret.fromBase32(secret).bytes;
      if (bytes.length < 16) throw new InvalidInput('A seed has at least 128 bits (RFC 4226 §4, R6).');
      const factor = {
        seedSealed: new Uint8Array(sealer.seal(totpPlace(userId), Buffer.from(bytes))),
        confirmedAt: clock(),
        lastStep: BigInt(spent),
      };
      await tx.totp.upsert({ where: { userId }, create: { userId, ...factor }, update: factor });
      await recordAudit(tx, { event: 'totp.enrolled', outcome: 'success', subject: userId }, cause);
    },

    async check(userId, code) {
      const factor = await prisma.totp.findUnique({ where: { userId: userId ?? '' } });
      if (!userId || !factor?.confirmedAt) {
        step(nobody, code);
        return { enrolled: false, step: undefined };
      }
      const seed = await sealer.open(totpPlace(userId), factor.seedSealed);
      return { enrolled: true, step: step(new Secret({ buffer: new Uint8Array(seed).buffer }), code) };
    },

    async spend(tx, userId, accepted) {
      const { count } = await tx.totp.updateMany({
        where: { userId, lastStep: { lt: BigInt(accepted) } },
        data: { lastStep: BigInt(accepted) },
      });
      return count === 1;
    },

    async remove(tx, userId, cause) {
      const { count } = await tx.totp.deleteMany({ where: { userId } });
      if (count === 0) return;
      await recordAudit(tx, { event: 'totp.removed', outcome: 'success', subject: userId }, cause);
    },
  };
}
