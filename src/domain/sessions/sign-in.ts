import { anonymously, byUser } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { Origin } from '../../kernel/origin.ts';
import { type AnonymousRecorder, type AuditEvent, recordAudit } from '../audit/index.ts';
import {
  type Attempt,
  type Attempts,
  type Authentication,
  type Browser,
  byPasskey,
  byPasswordAndCode,
  countCodeGuess,
  PasskeyRefused,
  type Passkeys,
  type Passwords,
  type Totps,
  uncountCodeGuess,
} from '../credentials/index.ts';
import { normalizeEmail, type Users } from '../users/index.ts';

import type { Session } from './session.ts';
import type { OpenedSession, Sessions } from './sessions.ts';
import { type Db, lockPerson, type PrismaClient } from './store.ts';

/** Where somebody signs in, and who is signed in there at present. */
export interface SignInBrowser extends Browser {
  readonly current?: Session | undefined;
}

/** `refused` says nothing about what was wrong; the audit record does. `expired`: begin again. */
export type SignInOutcome =
  | { readonly outcome: 'signed_in'; readonly opened: OpenedSession }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'expired' };

/** A sign-in with password and code that has begun. */
export interface PendingSignIn {
  /** As typed, normalized. Whether anybody has it is not said. */
  readonly email: string;
  /** Whether this person, if there is one, signed in from this network before. */
  readonly knowsNetwork: boolean;
}

/**
 * Signing in: the only way to a session.
 *
 *     begin ──▶ password ──▶ code ──▶ session        passkeyOptions ──▶ passkey ──▶ session
 *
 * Password and code are judged together, at the end, with one answer: an attacker learns neither whether
 * the person exists nor which of the two was wrong. One attempt takes ten codes at most.
 */
export interface SignIn {
  /** Begins an attempt; answers its token. */
  begin(email: string): Promise<string>;
  pending(token: string | undefined, network: string | undefined): Promise<PendingSignIn | undefined>;
  /**
   * Tries the password and keeps the outcome to itself. Answers the token under which the attempt goes
   * on, or `undefined` when it is over.
   *
   * @throws HashingBusy
   */
  password(token: string, password: string, network: string): Promise<string | undefined>;
  /**
   * Judges what was proven; on success the attempt is spent and the session made or renewed. `admit` is called
   * once a password was tried, before code and password are judged, and may throw.
   */
  code(
    token: string,
    code: string,
    browser: SignInBrowser,
    admit?: () => Promise<void>,
  ): Promise<SignInOutcome>;

  /** Options for the passkeys of whoever it may be, in the attempt of that token or in a new one. */
  passkeyOptions(token: string | undefined): Promise<{ readonly token: string; readonly options: object }>;
  passkey(token: string, response: unknown, browser: SignInBrowser): Promise<SignInOutcome>;

  /** Signs in a person who has just made their credentials. @throws NotFound */
  enter(authentication: Authentication, browser: SignInBrowser): Promise<OpenedSession>;

  /** For the doors: puts what they refused into the audit trail. */
  recordRefusal(
    event: 'signin.throttled' | 'signin.rejected' | 'setup.rejected',
    reason: string,
    origin: Origin,
  ): Promise<void>;
}

interface Deps {
  readonly prisma: PrismaClient;
  readonly anonymous: Pick<AnonymousRecorder, 'record'>;
  readonly users: Users;
  readonly attempts: Attempts;
  readonly passwords: Passwords;
  readonly totps: Totps;
  readonly passkeys: Passkeys;
  readonly sessions: Sessions;
  /** Whether one-time codes are limited over days. */
  readonly limitCodes: boolean;
}

/** Rolls a sign-in back that failed inside its transaction. */
class Refusal extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

export function createSignIn({
  prisma,
  anonymous,
  users,
  attempts,
  passwords,
  totps,
  passkeys,
  sessions,
  limitCodes,
}: Deps): SignIn {
  const record = (
    entry: {
      event: AuditEvent;
      reason?: string | undefined;
      subject?: string | undefined;
      method?: SignInMethod;
      passkey?: string | undefined;
    },
    origin: Origin,
  ) => {
    const { event, reason, subject, method, passkey } = entry;
    const detail = method && { method, ...(passkey === undefined ? {} : { passkey }) };
    // Each of these is an alarm.
    const always = event === 'passkey.clone_suspected' || event === 'totp.guessing_suspected';
    const refused = { event, outcome: 'refused', reason, subject, detail } as const;
    return anonymous.record(refused, anonymously(origin), { always });
  };

  /** The session and its record. */
  const enter = async (tx: Db, authentication: Authentication, { current, ...browser }: SignInBrowser) => {
    const opened = current
      ? await sessions.renew(tx, current, authentication, browser)
      : await sessions.create(tx, authentication, browser);
    const { userId: subject, acr, amr } = authentication;
    const detail = { session: opened.session.id, method: methodOf(authentication), acr, amr };
    const entry = { event: 'signin.succeeded', outcome: 'success', subject, detail } as const;
    await recordAudit(tx, entry, byUser(subject, browser.origin));
    return opened;
  };

  /** Makes or renews the session together with what proves it, or does nothing. */
  const open = async (
    token: string,
    authentication: Authentication,
    browser: SignInBrowser,
    spend: (tx: Db) => Promise<void>,
  ): Promise<SignInOutcome> => {
    try {
      const opened = await prisma.$transaction(async (tx) => {
        await lockPerson(tx, authentication.userId);
        await spend(tx);
        await attempts.finish(tx, token);
        return enter(tx, authentication, browser);
      });
      return { outcome: 'signed_in', opened };
    } catch (error) {
      const reason =
        error instanceof Refusal ? error.reason : error instanceof NotFound ? 'user_disabled' : undefined;
      if (reason === undefined) throw error;
      await record(
        {
          event: 'signin.failed',
          reason,
          subject: authentication.userId,
          method: methodOf(authentication),
        },
        browser.origin,
      );
      return { outcome: 'refused' };
    }
  };

  return {
    async begin(email) {
      const user = await users.findByEmail(email);
      return attempts.start('sign-in', { email: normalizeEmail(email), userId: user?.id });
    },

    async pending(token, network = '') {
      const attempt = await attempts.find(token, 'sign-in');
      if (attempt?.email === undefined) return undefined;
      const knowsNetwork = await sessions.knowsNetwork(attempt.userId ?? '', network);
      return { email: attempt.email, knowsNetwork };
    },

    async password(token, password, network) {
      const attempt = await attempts.find(token, 'sign-in');
      if (attempt?.email === undefined) return undefined;
      return attempts.passwordTried(token, await passwords.verify(attempt.userId, password, network));
    },

    async code(token, code, browser, admit) {
      const attempt = await attempts.takeAnswer(token, 'sign-in');
      if (attempt?.email === undefined) return { outcome: 'expired' };
      await admit?.();
      const { enrolled, step } = await totps.check(attempt.userId, code);
      const { userId, passwordOk } = attempt;
      const knowsNetwork = await sessions.knowsNetwork(userId ?? '', browser.origin.network ?? '');
      const guess = limitCodes
        ? await countCodeGuess(prisma, { userId, knowsNetwork, passwordOk })
        : { allowed: true, last: false };

      if (userId === undefined || !passwordOk || step === undefined || !guess.allowed) {
        const reason = guess.allowed ? refusalOf(attempt, enrolled) : 'code_limit';
        if (guess.last) await record({ event: 'totp.guessing_suspected', subject: userId }, browser.origin);
        await record({ event: 'signin.failed', reason, subject: userId, method: 'password' }, browser.origin);
        return { outcome: 'refused' };
      }
      return open(token, byPasswordAndCode(userId), browser, async (tx) => {
        if (!(await totps.spend(tx, userId, step))) throw new Refusal('code_replayed');
        await uncountCodeGuess(tx, userId, knowsNetwork);
      });
    },

    async passkeyOptions(known) {
      const token = (await attempts.find(known, 'sign-in')) && known;
      const attempt = token ?? (await attempts.start('sign-in', {}));
      return { token: attempt, options: await passkeys.authenticationOptions(attempt) };
    },

    async passkey(token, response, browser) {
      try {
        const { userId, passkeyId } = await passkeys.verifyAuthentication(token, response);
        return await open(token, byPasskey(userId, passkeyId), browser, async (tx) => {
          // It may have been removed since the assertion was judged.
          if ((await tx.passkey.count({ where: { id: passkeyId } })) === 0)
            throw new Refusal('unknown_passkey');
        });
      } catch (error) {
        if (!(error instanceof PasskeyRefused)) throw error;
        const { reason, userId: subject, passkeyId: passkey } = error;
        const event = reason === 'counter_regressed' ? 'passkey.clone_suspected' : 'signin.failed';
        await record({ event, reason, subject, method: 'passkey', passkey }, browser.origin);
        return { outcome: 'refused' };
      }
    },

    enter: (authentication, browser) => prisma.$transaction((tx) => enter(tx, authentication, browser)),

    recordRefusal: (event, reason, origin) => record({ event, reason }, origin),
  };
}

/** For the audit record: how somebody signs in. */
type SignInMethod = 'passkey' | 'password';

function methodOf({ passkeyId }: Authentication): SignInMethod {
  return passkeyId === undefined ? 'password' : 'passkey';
}

/** For the audit record: what was wrong first. */
function refusalOf({ userId, passwordOk }: Attempt, enrolled: boolean): string {
  if (userId === undefined) return 'unknown_user';
  if (!passwordOk) return 'password_not_proven';
  return enrolled ? 'wrong_code' : 'second_factor_missing';
}
