import { anonymously, byUser, type Cause } from '../../kernel/cause.ts';
import { DomainError } from '../../kernel/errors.ts';
import type { Origin } from '../../kernel/origin.ts';
import { type AnonymousRecorder, recordAudit } from '../audit/index.ts';
import {
  type Attempts,
  type Authentication,
  type Browser,
  byPasskey,
  byPasswordAndCode,
  FieldRefused,
  factorsOf,
  isEnough,
  type Passkeys,
  type Passwords,
  removeEveryFactor,
  type TotpProposal,
  type Totps,
} from '../credentials/index.ts';
import { endLinksOf, type LinkPurpose, lookUpLink, spendLink } from '../links/index.ts';

import type { EndAllOf } from './deps.ts';
import type { Db, PrismaClient } from './store.ts';

/** Why a link was refused, for the audit record. The person reads the same page for all of them. */
export type LinkRefusal =
  | 'link_unknown'
  | 'link_used'
  | 'link_ended'
  | 'link_expired'
  | 'address_changed'
  | 'user_disabled'
  | 'already_enrolled';

/** The link cannot be used (again). */
export class LinkRefused extends DomainError {
  readonly code = 'not_found';
  readonly reason: LinkRefusal;
  /** Whose link it is, where it is known. */
  readonly userId: string | undefined;

  constructor(reason: LinkRefusal, userId?: string) {
    super(`the link was refused: ${reason}`);
    this.reason = reason;
    this.userId = userId;
  }
}

/** Whose link it is. */
export interface LinkOwner {
  readonly purpose: Exclude<LinkPurpose, 'setup'>;
  readonly userId: string;
  readonly email: string;
  readonly name: string;
}

/**
 * Enrolment: a person makes what they sign in with, by a one-time link (after `user add` or `user reset`).
 *
 * The link makes a passkey, or a password together with a second factor, for a person who has neither; it
 * adds nothing to an account that can sign in already, and so it never goes around a factor. Looking at it
 * changes nothing; the first completion uses it.
 */
export interface Enrolment {
  /** @throws LinkRefused */
  open(token: string): Promise<LinkOwner>;
  /** The seed to be scanned: the same as often as the page is shown. */
  totp(token: string, owner: LinkOwner): TotpProposal;
  /** @throws LinkRefused; FieldRefused when password or code are not valid; HashingBusy */
  completeWithPassword(
    token: string,
    proof: { readonly password: string; readonly code: string },
    browser: Browser,
  ): Promise<Authentication>;
  /** WebAuthn options for the new passkey. @throws LinkRefused */
  passkeyOptions(token: string): Promise<object>;
  /** @throws LinkRefused; AlreadyExists; PasskeyRefused */
  completeWithPasskey(token: string, response: unknown, browser: Browser): Promise<Authentication>;
  /** Records that a link was refused. */
  recordRefusal(refused: LinkRefused, origin: Origin): Promise<void>;
}

interface Deps {
  readonly prisma: PrismaClient;
  readonly anonymous: Pick<AnonymousRecorder, 'record'>;
  readonly attempts: Attempts;
  readonly passwords: Passwords;
  readonly totps: Totps;
  readonly passkeys: Passkeys;
  readonly endSessionsOf: EndAllOf<'credentials_changed'>;
}

const PURPOSES = ['enrolment', 'recovery'] as const;

export function createEnrolment({
  prisma,
  anonymous,
  attempts,
  passwords,
  totps,
  passkeys,
  endSessionsOf,
}: Deps): Enrolment {
  /** Uses the link and stores the factor, once: the person's row is locked against every other path. */
  const complete = <T>(
    token: string,
    { userId }: LinkOwner,
    { origin }: Browser,
    store: (tx: Db, cause: Cause) => Promise<T>,
  ): Promise<T> =>
    prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM users WHERE id = ${userId} FOR NO KEY UPDATE`;
      const { purpose } = await ownerOf(tx, token);
      if (!(await spendLink(tx, token, purpose))) throw new LinkRefused('link_used', userId);
      await endLinksOf(tx, userId);
      const cause = byUser(userId, origin);
      // Half a factor, for example a password that an administrator knows.
      await removeEveryFactor(tx, userId, cause);
      const stored = await store(tx, cause);
      await attempts.forgetOf(tx, userId);
      await endSessionsOf(tx, userId, 'credentials_changed', cause);
      const entry = { event: 'link.used', outcome: 'success', subject: userId, detail: { purpose } } as const;
      await recordAudit(tx, entry, cause);
      return stored;
    });

  return {
    open: (token) => ownerOf(prisma, token),

    totp: (token, { email }) => totps.proposeFor(token, email),

    async completeWithPassword(token, { password, code }, browser) {
      const owner = await ownerOf(prisma, token);
      const { userId } = owner;
      const { secret } = totps.proposeFor(token, owner.email);
      const hash = await passwords.hash(password);
      const step = totps.stepOf(secret, code);
      if (step === undefined) throw new FieldRefused('code', 'the code is not right');

      await complete(token, owner, browser, async (tx, cause) => {
        await passwords.store(tx, userId, hash, cause);
        await totps.enrol(tx, { userId, secret, step }, cause);
      });
      return byPasswordAndCode(userId);
    },

    async passkeyOptions(token) {
      const owner = await ownerOf(prisma, token);
      const { userId, email, name } = owner;
      await attempts.start('link', { userId, email, name }, token);
      return passkeys.registrationOptions({ token, purpose: 'link' }, owner);
    },

    async completeWithPasskey(token, response, browser) {
      const owner = await ownerOf(prisma, token);
      const { userId, passkey } = await passkeys.verifyRegistration({ token, purpose: 'link' }, response);
      if (userId !== owner.userId) throw new LinkRefused('link_unknown');
      const id = await complete(token, owner, browser, (tx) => passkeys.store(tx, userId, passkey, browser));
      return byPasskey(userId, id);
    },

    async recordRefusal({ reason, userId: subject }, origin) {
      const entry = { event: 'link.rejected', outcome: 'refused', reason, subject } as const;
      await anonymous.record(entry, anonymously(origin));
    },
  };
}

/** Reads whose link it is, and whether it may be used now. @throws LinkRefused */
async function ownerOf(db: Db, token: string): Promise<LinkOwner> {
  const link = await lookUpLink(db, token, PURPOSES);
  const userId = link?.userId;
  if (!link || userId === undefined || link.purpose === 'setup') throw new LinkRefused('link_unknown');
  if (link.state !== 'open') throw new LinkRefused(`link_${link.state}`, userId);

  const user = await db.user.findUnique({ where: { id: userId } });
  if (!user) throw new LinkRefused('link_unknown');
  if (user.disabledAt !== null) throw new LinkRefused('user_disabled', userId);
  if (user.email !== link.email) throw new LinkRefused('address_changed', userId);
  if (isEnough(await factorsOf(db, userId))) throw new LinkRefused('already_enrolled', userId);
  return { purpose: link.purpose, userId, email: user.email, name: user.name };
}
