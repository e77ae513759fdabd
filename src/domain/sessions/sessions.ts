import { byUser, type Cause } from '../../kernel/cause.ts';
import { NotFound } from '../../kernel/errors.ts';
import { hashSecret, newId, newSecret } from '../../kernel/ids.ts';
import { recordAudit } from '../audit/index.ts';
import type { Authentication, Browser } from '../credentials/index.ts';

import type { Session } from './session.ts';
import {
  type Db,
  endSessions,
  findSession,
  hasSessionFrom,
  insertSession,
  listSessions,
  type PrismaClient,
  renewSession,
  sweepSessions,
} from './store.ts';

/** A session and the one secret that opens it; the secret is nowhere else. */
export interface OpenedSession {
  readonly session: Session;
  /** 256 bits. */
  readonly token: string;
}

/** Why a session ended; also the `reason` of its audit record. */
export type EndReason =
  | 'signed_out'
  | 'ended_by_user'
  | 'user_disabled'
  | 'user_reset'
  | 'user_removed'
  | 'credentials_changed'
  | 'another_person_signed_in';

/**
 * Sessions. The browser holds a token, the store its hash; the database's time is the authority on
 * every expiry, and a disabled person's session is none.
 */
export interface Sessions {
  /** @throws NotFound when the person does not exist or is disabled. */
  create(tx: Db, authentication: Authentication, browser: Browser): Promise<OpenedSession>;
  /**
   * The same person proved it again: the session keeps its id and gets a new token, `auth_time`, `acr`
   * and `amr`, and the old token opens nothing any more. For another person, the old session ends and
   * a new one is made.
   *
   * @throws NotFound when the person does not exist or is disabled.
   */
  renew(tx: Db, current: Session, authentication: Authentication, browser: Browser): Promise<OpenedSession>;
  /** The living session of a token. Writes `lastSeenAt`, at most once a minute. */
  find(token: string | undefined): Promise<Session | undefined>;
  /** A person's living sessions, the last seen first. */
  list(userId: string): Promise<readonly Session[]>;
  /** Ends one session of a person; answers whether it was alive. */
  end(
    session: { readonly id: string; readonly userId: string },
    reason: EndReason,
    cause: Cause,
  ): Promise<boolean>;
  /** Ends all sessions of the person but this one; answers how many. */
  endOthers(current: Session, cause: Cause): Promise<number>;
  /** Ends all sessions of a person, in the transaction of the act that ends them. */
  endAllOf(tx: Db, userId: string, reason: EndReason, cause: Cause): Promise<number>;
  /**
   * Ends the sessions of a person whose factor is removed or replaced, in the transaction of that act. The
   * session that did it stays, unless it was signed in with that factor. Returns whether it stays.
   *
   * Every path that removes or replaces a factor calls this.
   */
  endForFactorChange(tx: Db, current: Session, factor: SessionFactor, cause: Cause): Promise<boolean>;
  /** Whether the person signed in from this network before, so that strangers' guesses need not shut them out there. */
  knowsNetwork(userId: string, network: string): Promise<boolean>;
  /** Deletes what ended long ago; answers how many. */
  sweep(): Promise<number>;
}

/** A factor that a session can be signed in with. */
export type SessionFactor = 'password' | { readonly passkeyId: string };

/** Whether a session was signed in with this factor. */
function rests(session: Session, factor: SessionFactor): boolean {
  return factor === 'password' ? session.amr.includes('pwd') : session.passkeyId === factor.passkeyId;
}

const MAX_USER_AGENT = 300;

/** @param lifetimes whole seconds: of a session at the most, and without use. */
export function createSessions({
  prisma,
  lifetimes,
}: {
  readonly prisma: PrismaClient;
  readonly lifetimes: { readonly session: number; readonly sessionIdle: number };
}): Sessions {
  const factsOf = (id: string, token: string, authentication: Authentication, browser: Browser) => ({
    id,
    tokenHash: hashSecret(token),
    userId: authentication.userId,
    passkeyId: authentication.passkeyId,
    acr: authentication.acr,
    amr: authentication.amr,
    userAgent: browser.userAgent?.slice(0, MAX_USER_AGENT),
    network: browser.origin.network,
    lifetime: lifetimes.session,
  });

  const create: Sessions['create'] = async (tx, authentication, browser) => {
    const token = newSecret();
    const session = await insertSession(tx, factsOf(newId('ses'), token, authentication, browser));
    if (!session) throw new NotFound('there is nobody who could have a session');
    return { session, token };
  };

  return {
    create,

    async renew(tx, current, authentication, browser) {
      if (authentication.userId === current.user.id) {
        const token = newSecret();
        const session = await renewSession(tx, factsOf(current.id, token, authentication, browser));
        return session ? { session, token } : create(tx, authentication, browser);
      }
      const old = { userId: current.user.id, id: current.id };
      await endRecorded(tx, old, 'another_person_signed_in', byUser(authentication.userId, browser.origin));
      return create(tx, authentication, browser);
    },

    async find(token) {
      if (!token) return undefined;
      return findSession(prisma, hashSecret(token), lifetimes.sessionIdle);
    },

    list: (userId) => listSessions(prisma, userId, lifetimes.sessionIdle),

    async end({ id, userId }, reason, cause) {
      return (await prisma.$transaction((tx) => endRecorded(tx, { userId, id }, reason, cause))) === 1;
    },

    endOthers: ({ id, user }, cause) =>
      prisma.$transaction((tx) => endRecorded(tx, { userId: user.id, except: id }, 'ended_by_user', cause)),

    endAllOf: (tx, userId, reason, cause) => endRecorded(tx, { userId }, reason, cause),

    async endForFactorChange(tx, current, factor, cause) {
      const stays = !rests(current, factor);
      const except = stays ? { except: current.id } : {};
      await endRecorded(tx, { userId: current.user.id, ...except }, 'credentials_changed', cause);
      return stays;
    },

    knowsNetwork: (userId, network) => hasSessionFrom(prisma, userId, network),

    sweep: () => sweepSessions(prisma),
  };
}

/** Ends what matches, with a record for each; answers how many. */
async function endRecorded(
  tx: Db,
  where: Parameters<typeof endSessions>[1],
  reason: EndReason,
  cause: Cause,
): Promise<number> {
  const ended = await endSessions(tx, where);
  const event = reason === 'signed_out' ? 'signout.succeeded' : 'session.ended';
  for (const session of ended) {
    const entry = { event, outcome: 'success', reason, subject: where.userId, detail: { session } } as const;
    await recordAudit(tx, entry, cause);
  }
  return ended.length;
}
