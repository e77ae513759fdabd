import { byUser, type Cause } from '../../kernel/cause.ts';
import { DomainError, InvalidInput, NotFound } from '../../kernel/errors.ts';
import { recordAudit } from '../audit/index.ts';
import {
  type Attempts,
  acknowledgeNotices,
  addNotice,
  type Browser,
  byPasswordAndCode,
  FieldRefused,
  type Notice,
  type PasskeyInfo,
  type Passkeys,
  type Passwords,
  pendingNotices,
  type TotpProposal,
  type Totps,
} from '../credentials/index.ts';

import type { Session } from './session.ts';
import type { OpenedSession, Sessions } from './sessions.ts';
import type { Db, PrismaClient } from './store.ts';

/** The person must prove themselves once more before what they sign in with can change. */
export class FreshSignInNeeded extends DomainError {
  readonly code = 'not_authenticated';

  constructor() {
    super('the sign-in is too long ago for a change of what signs in');
  }
}

/** What a person can sign in with. */
export interface Ways {
  readonly passkeys: readonly PasskeyInfo[];
  /** When password and code were set; `undefined` when they are not, or one of the two is missing. */
  readonly passwordSince: Date | undefined;
  /** Two ways or more: one may go. */
  readonly mayRemove: boolean;
}

/**
 * Changing what a person signs in with.
 *
 * Every change needs a sign-in that is younger than ten minutes, so that a browser left open, or a
 * stolen session, does not become somebody else's way in. The last way in cannot be removed. An
 * enrolment is an attempt of its own: its token is the browser's, the challenge and the seed belong to
 * it, and it is good for the person who began it and for nobody who signs in meanwhile.
 */
export interface Factors {
  ways(userId: string): Promise<Ways>;
  isFresh(session: Session): boolean;
  /** The added factors that this session's person has not confirmed and that it may confirm. */
  notices(session: Session): Promise<readonly Notice[]>;
  /** Confirms notices of these ids, as far as this session may. */
  acknowledge(session: Session, ids: readonly string[], cause: Cause): Promise<void>;
  /** Goes on with this person's enrolment of that token, or begins one; answers its token. @throws FreshSignInNeeded */
  enrol(current: Session, token: string | undefined): Promise<string>;
  /** The seed of an enrolment: the same as often as asked. */
  totp(current: Session, token: string): TotpProposal;
  /** @throws FreshSignInNeeded, NotFound */
  passkeyOptions(current: Session, token: string): Promise<object>;
  /**
   * Adds a passkey; a name that will not do is replaced by our own.
   *
   * @throws FreshSignInNeeded, PasskeyRefused, AlreadyExists, NotFound
   */
  addPasskey(
    current: Session,
    token: string,
    given: { readonly response: unknown; readonly name: string },
    browser: Browser,
  ): Promise<void>;
  /**
   * Removes a passkey and ends every other session. Returns whether the present session stays.
   *
   * @throws FreshSignInNeeded, NotFound, InvalidInput for the last way in
   */
  removePasskey(current: Session, passkeyId: string, cause: Cause): Promise<boolean>;
  /**
   * Sets password and code together. All sessions end, and a new one is made for this browser.
   *
   * @throws FreshSignInNeeded, FieldRefused, HashingBusy, NotFound
   */
  setPassword(
    current: Session,
    token: string,
    given: { readonly password: string; readonly code: string },
    browser: Browser,
  ): Promise<OpenedSession>;
  /**
   * Removes password and code and ends every other session. Returns whether the present session stays.
   *
   * @throws FreshSignInNeeded, NotFound, InvalidInput for the last way in
   */
  removePassword(current: Session, cause: Cause): Promise<boolean>;
}

interface Deps {
  readonly prisma: PrismaClient;
  readonly attempts: Attempts;
  readonly passwords: Passwords;
  readonly totps: Totps;
  readonly passkeys: Passkeys;
  readonly sessions: Sessions;
}

/** Seconds. */
const FRESH = 10 * 60;

export function createFactors({ prisma, attempts, passwords, totps, passkeys, sessions }: Deps): Factors {
  const isFresh = ({ authAge }: Session) => authAge < FRESH;
  const requireFresh = (session: Session) => {
    if (!isFresh(session)) throw new FreshSignInNeeded();
  };
  const isTheirs = async (token: string | undefined, { user }: Session) =>
    (await attempts.find(token, 'enrolment'))?.userId === user.id;
  const requireTheirs = async (token: string, current: Session) => {
    requireFresh(current);
    if (!(await isTheirs(token, current))) throw gone();
  };

  const passwordSince = async (db: Db, userId: string) => {
    const [password, totp] = await Promise.all([
      db.password.findUnique({ where: { userId }, select: { changedAt: true } }),
      db.totp.findUnique({ where: { userId }, select: { confirmedAt: true } }),
    ]);
    return totp?.confirmedAt ? password?.changedAt : undefined;
  };

  /**
   * Holds the person's row, so that changes of factors happen one after the other, and requires that the
   * session did not end while this one waited.
   */
  const beginChange = async (tx: Db, current: Session) => {
    await tx.$queryRaw`SELECT 1 FROM users WHERE id = ${current.user.id} FOR NO KEY UPDATE`;
    const alive = await tx.session.count({ where: { id: current.id, endedAt: null } });
    if (alive === 0) throw new FreshSignInNeeded();
  };

  const requireAnother = async (tx: Db, userId: string) => {
    const count =
      (await tx.passkey.count({ where: { userId } })) + ((await passwordSince(tx, userId)) ? 1 : 0);
    if (count < 2) throw new InvalidInput('the last way to sign in cannot be removed');
  };

  return {
    isFresh,

    notices: (session) => pendingNotices(prisma, session),

    async acknowledge(session, ids, cause) {
      await prisma.$transaction(async (tx) => {
        const confirmed = await acknowledgeNotices(tx, session, ids);
        if (confirmed === 0) return;
        const { id } = session.user;
        const entry = { event: 'notice.acknowledged', outcome: 'success', subject: id } as const;
        await recordAudit(tx, { ...entry, detail: { session: session.id, confirmed } }, cause);
      });
    },

    async ways(userId) {
      const [list, since] = await Promise.all([passkeys.list(userId), passwordSince(prisma, userId)]);
      return { passkeys: list, passwordSince: since, mayRemove: list.length + (since ? 1 : 0) > 1 };
    },

    async enrol(current, token) {
      requireFresh(current);
      if (token !== undefined && (await isTheirs(token, current))) return token;
      const { id: userId, email, name } = current.user;
      return attempts.start('enrolment', { userId, email, name });
    },

    totp: ({ user }, token) => totps.proposeFor(token, user.email),

    async passkeyOptions(current, token) {
      await requireTheirs(token, current);
      const { id: userId, email, name } = current.user;
      return passkeys.registrationOptions({ token, purpose: 'enrolment' }, { userId, email, name });
    },

    async addPasskey(current, token, { response, name }, browser) {
      await requireTheirs(token, current);
      const { userId, passkey } = await passkeys.verifyRegistration(
        { token, purpose: 'enrolment' },
        response,
      );
      if (userId !== current.user.id) throw gone();
      const id = await prisma.$transaction(async (tx) => {
        await beginChange(tx, current);
        if (!(await attempts.finish(tx, token))) throw gone();
        const passkeyId = await passkeys.store(tx, userId, passkey, browser);
        const notice = { userId, kind: 'passkey_added', passkeyId, sessionId: current.id } as const;
        await addNotice(tx, notice, browser);
        return passkeyId;
      });
      await passkeys.rename(userId, id, name).catch((error: unknown) => {
        if (!(error instanceof FieldRefused)) throw error;
      });
    },

    async removePasskey(current, passkeyId, cause) {
      requireFresh(current);
      const userId = current.user.id;
      return prisma.$transaction(async (tx) => {
        await beginChange(tx, current);
        await requireAnother(tx, userId);
        await passkeys.remove(tx, userId, passkeyId, cause);
        return sessions.endForFactorChange(tx, current, { passkeyId }, cause);
      });
    },

    async setPassword(current, token, { password, code }, browser) {
      await requireTheirs(token, current);
      const userId = current.user.id;
      const { secret } = totps.proposeFor(token, current.user.email);
      const hash = await passwords.hash(password);
      const step = totps.stepOf(secret, code);
      if (step === undefined) throw new FieldRefused('code', 'the code is not right');

      const cause = byUser(userId, browser.origin);
      return prisma.$transaction(async (tx) => {
        await beginChange(tx, current);
        if (!(await attempts.finish(tx, token))) throw gone();
        await passwords.store(tx, userId, hash, cause);
        await totps.enrol(tx, { userId, secret, step }, cause);
        await sessions.endAllOf(tx, userId, 'credentials_changed', cause);
        const opened = await sessions.create(tx, byPasswordAndCode(userId), browser);
        const notice = { userId, kind: 'password_set', sessionId: opened.session.id } as const;
        await addNotice(tx, notice, browser);
        return opened;
      });
    },

    async removePassword(current, cause) {
      requireFresh(current);
      const userId = current.user.id;
      return prisma.$transaction(async (tx) => {
        await beginChange(tx, current);
        await requireAnother(tx, userId);
        const { count } = await tx.password.deleteMany({ where: { userId } });
        if (count === 0) throw new NotFound('there is no password');
        await recordAudit(
          tx,
          { event: 'password.changed', outcome: 'success', reason: 'removed', subject: userId },
          cause,
        );
        await totps.remove(tx, userId, cause);
        return sessions.endForFactorChange(tx, current, 'password', cause);
      });
    },
  };
}

/** One sentence for an enrolment that is over, or somebody else's. */
function gone(): NotFound {
  return new NotFound('there is no such enrolment');
}
