import { argon2id, type HashOptions, hash, verify } from 'argon2';
import type { Cause } from '../../kernel/cause.ts';
import { widestPrefix } from '../../kernel/network.ts';
import { recordAudit } from '../audit/index.ts';

import { forgetCodeGuesses } from './code-guesses.ts';
import { FieldRefused } from './errors.ts';
import { createGate, type GateLoad } from './gate.ts';
import type { Db } from './store.ts';

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const COST: HashOptions = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

const MIN_PASSWORD_LENGTH = 12;
const MAX_PASSWORD_LENGTH = 1024;

/** Passwords: the first factor that a person remembers. One alone never makes a session. */
export interface Passwords {
  /**
   * Hashes a new password. Call it before the transaction that stores it: a hash takes its time.
   *
   * @throws FieldRefused when it is shorter or longer than we keep.
   * @throws HashingBusy
   */
  hash(password: string): Promise<string>;
  /** Replaces the person's password by one that `hash` made. */
  store(tx: Db, userId: string, hash: string, cause: Cause): Promise<void>;
  /**
   * Whether this is the password of that person. Takes the same time for a person who does not
   * exist, or has none: then a hash that nothing matches is verified instead. `network` is the address that asks.
   *
   * @throws HashingBusy
   */
  verify(userId: string | undefined, password: string, network?: string): Promise<boolean>;
  /** How many hashes are computed, and wait for it, in this process now. */
  load(): GateLoad;
}

/**
 * @param concurrency how many hashes are computed at the same time in this process.
 * @param queue how many more may wait; beyond it callers are refused at once.
 */
export function createPasswords({
  prisma,
  concurrency,
  queue = concurrency * 25,
}: {
  readonly prisma: Db;
  readonly concurrency: number;
  readonly queue?: number;
}): Passwords {
  const gate = createGate({ concurrency, queue });
  const unmatched = hash('the password of nobody', COST);

  return {
    async hash(password) {
      const length = [...password].length;
      if (length < MIN_PASSWORD_LENGTH) {
        throw new FieldRefused('password', `a password has at least ${MIN_PASSWORD_LENGTH} characters`);
      }
      if (length > MAX_PASSWORD_LENGTH) {
        throw new FieldRefused('password', `a password has at most ${MAX_PASSWORD_LENGTH} characters`);
      }
      return gate.run(() => hash(normalize(password), COST));
    },

    async store(tx, userId, passwordHash, cause) {
      await tx.$executeRaw`
        INSERT INTO passwords (user_id, hash) VALUES (${userId}, ${passwordHash})
        ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = now()`;
      await forgetCodeGuesses(tx, userId);
      await recordAudit(tx, { event: 'password.changed', outcome: 'success', subject: userId }, cause);
    },

    async verify(userId, password, network) {
      const known = await prisma.password.findUnique({ where: { userId: userId ?? '' } });
      const given = password.length > MAX_PASSWORD_LENGTH * 2 ? '' : normalize(password);
      const digest = known?.hash ?? (await unmatched);
      const prefix = network === undefined ? undefined : widestPrefix(network);
      const matches = await gate.run(() => verify(digest, given), prefix);
      return known !== null && matches;
    },

    load: () => gate.load(),
  };
}

/** The same password typed on two systems is the same password (NIST SP 800-63B §3.1.1.2). */
function normalize(password: string): string {
  return password.normalize('NFKC');
}
