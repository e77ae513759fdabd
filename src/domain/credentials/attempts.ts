import { hashSecret, newSecret } from '../../kernel/ids.ts';

import type { Db } from './store.ts';

/** What an attempt is for; what was proven or challenged for one purpose never counts for another. */
export type AttemptPurpose = 'sign-in' | 'setup' | 'enrolment' | 'link';

/** Answers (a code, a passkey) that one attempt may give. */
const MAX_ANSWERS = 10;
/** WebAuthn Level 3 §13.4.3 asks for challenges that do not live long. */
const CHALLENGE_SECONDS = 300;

/** A sign-in, set-up or enrolment under way. */
export interface Attempt {
  readonly purpose: AttemptPurpose;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly userId: string | undefined;
  /** Whether the password was right. Known to the server only, until the second factor is judged too. */
  readonly passwordOk: boolean;
}

/** What may be known about an attempt when it begins or goes on. */
export interface AttemptFacts {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly userId?: string | undefined;
}

/** Attempts under way. The browser holds the token; only its hash is stored. */
export interface Attempts {
  /** Begins an attempt under a new token; or under the one that is given (a set-up is known by its link's), or goes on with it. */
  start(purpose: AttemptPurpose, facts: AttemptFacts, token?: string): Promise<string>;
  find(token: string | undefined, purpose: AttemptPurpose): Promise<Attempt | undefined>;
  /** Replaces what was said, and forgets what was proven about somebody else. */
  describe(token: string, purpose: AttemptPurpose, facts: AttemptFacts): Promise<boolean>;
  /**
   * Keeps the outcome of a password, right or wrong, under a new token that replaces the old one: whoever
   * planted an attempt's token in a browser must not share in what its person proves next.
   */
  passwordTried(token: string, ok: boolean): Promise<string | undefined>;
  /** Sets the one challenge that this attempt may answer, for five minutes. */
  challenge(token: string, purpose: AttemptPurpose, challenge: string): Promise<boolean>;
  /** Takes the challenge away: one caller gets its hash and the facts, everyone after nothing. */
  takeChallenge(
    token: string,
    purpose: AttemptPurpose,
  ): Promise<{ readonly challengeHash: Buffer; readonly attempt: Attempt } | undefined>;
  /**
   * Counts one answer before it is judged, so that parallel posts cannot exceed the limit. The password's
   * outcome stays for the next answer; the tenth answer is the last. Returns nothing before a password was tried.
   */
  takeAnswer(token: string, purpose: AttemptPurpose): Promise<Attempt | undefined>;
  /** Ends the attempt in the transaction of what it led to: true for exactly one caller. */
  finish(tx: Db, token: string): Promise<boolean>;
  /** Ends every attempt of a person, in the transaction of the act that ends them. */
  forgetOf(tx: Db, userId: string): Promise<void>;
  /** Deletes what has expired; answers how many. */
  sweep(): Promise<number>;
}

interface AttemptRow {
  readonly purpose: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly userId: string | null;
  readonly passwordOkAt: Date | null;
}

/** @param lifetime whole seconds from the first step to the last. */
export function createAttempts({
  prisma,
  lifetime,
}: {
  readonly prisma: Db;
  readonly lifetime: number;
}): Attempts {
  return {
    async start(purpose, { email, name, userId }, token = newSecret()) {
      await prisma.$executeRaw`
        INSERT INTO sign_in_attempts (token_hash, purpose, email, name, user_id, expires_at)
        VALUES (${hashSecret(token)}, ${purpose}, ${email ?? null}, ${name ?? null}, ${userId ?? null},
                now() + make_interval(secs => ${lifetime}::int))
        ON CONFLICT (token_hash) DO UPDATE SET expires_at = excluded.expires_at`;
      return token;
    },

    async find(token, purpose) {
      if (!token) return undefined;
      const rows = await prisma.$queryRaw<AttemptRow[]>`
        SELECT purpose, email, name, user_id AS "userId", password_ok_at AS "passwordOkAt"
        FROM sign_in_attempts
        WHERE token_hash = ${hashSecret(token)} AND purpose = ${purpose} AND expires_at > now()`;
      return rows[0] && toAttempt(rows[0]);
    },

    async describe(token, purpose, { email, name, userId }) {
      const count = await prisma.$executeRaw`
        UPDATE sign_in_attempts
        SET email = ${email ?? null}, name = ${name ?? null}, user_id = ${userId ?? null},
            password_tried_at = NULL, password_ok_at = NULL, challenge_hash = NULL
        WHERE token_hash = ${hashSecret(token)} AND purpose = ${purpose} AND expires_at > now()`;
      return count === 1;
    },

    async passwordTried(token, ok) {
      const next = newSecret();
      const count = await prisma.$executeRaw`
        UPDATE sign_in_attempts
        SET token_hash = ${hashSecret(next)}, password_tried_at = now(),
            password_ok_at = CASE WHEN ${ok}::boolean THEN now() END
        WHERE token_hash = ${hashSecret(token)} AND purpose = 'sign-in' AND expires_at > now()`;
      return count === 1 ? next : undefined;
    },

    async challenge(token, purpose, challenge) {
      const count = await prisma.$executeRaw`
        UPDATE sign_in_attempts
        SET challenge_hash = ${hashSecret(challenge)},
            challenge_expires_at = now() + make_interval(secs => ${CHALLENGE_SECONDS}::int)
        WHERE token_hash = ${hashSecret(token)} AND purpose = ${purpose} AND expires_at > now()`;
      return count === 1;
    },

    async takeChallenge(token, purpose) {
      const rows = await prisma.$queryRaw<(AttemptRow & { challengeHash: Uint8Array })[]>`
        WITH open AS (
          SELECT * FROM sign_in_attempts
          WHERE token_hash = ${hashSecret(token)} AND purpose = ${purpose} AND expires_at > now()
            AND challenge_hash IS NOT NULL AND challenge_expires_at > now()
          FOR UPDATE
        ), taken AS (
          UPDATE sign_in_attempts SET challenge_hash = NULL FROM open
          WHERE sign_in_attempts.token_hash = open.token_hash
        )
        SELECT purpose, email, name, user_id AS "userId", password_ok_at AS "passwordOkAt",
               challenge_hash AS "challengeHash"
        FROM open`;
      const row = rows[0];
      return row && { challengeHash: Buffer.from(row.challengeHash), attempt: toAttempt(row) };
    },

    async takeAnswer(token, purpose) {
      const rows = await prisma.$queryRaw<AttemptRow[]>`
        WITH open AS (
          SELECT * FROM sign_in_attempts
          WHERE token_hash = ${hashSecret(token)} AND purpose = ${purpose} AND expires_at > now()
            AND failures < ${MAX_ANSWERS}::int AND password_tried_at IS NOT NULL
          FOR UPDATE
        ), counted AS (
          UPDATE sign_in_attempts SET failures = open.failures + 1 FROM open
          WHERE sign_in_attempts.token_hash = open.token_hash
        )
        SELECT purpose, email, name, user_id AS "userId", password_ok_at AS "passwordOkAt"
        FROM open`;
      return rows[0] && toAttempt(rows[0]);
    },

    async finish(tx, token) {
      const count = await tx.$executeRaw`
        DELETE FROM sign_in_attempts WHERE token_hash = ${hashSecret(token)} AND expires_at > now()`;
      return count === 1;
    },

    async forgetOf(tx, userId) {
      await tx.$executeRaw`DELETE FROM sign_in_attempts WHERE user_id = ${userId}`;
    },

    sweep() {
      return prisma.$executeRaw`DELETE FROM sign_in_attempts WHERE expires_at < now()`;
    },
  };
}

function toAttempt(row: AttemptRow): Attempt {
  return {
    purpose: row.purpose as AttemptPurpose,
    email: row.email ?? undefined,
    name: row.name ?? undefined,
    userId: row.userId ?? undefined,
    passwordOk: row.passwordOkAt !== null,
  };
}
