import { anonymously, byUser, type Cause } from '../../kernel/cause.ts';
import { AlreadyExists, InvalidInput, NotFound } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Origin } from '../../kernel/origin.ts';
import { type AnonymousRecorder, recordAudit } from '../audit/index.ts';
import {
  type Attempt,
  type Attempts,
  type Authentication,
  type Browser,
  byPasskey,
  byPasswordAndCode,
  FieldRefused,
  type Passkeys,
  type Passwords,
  type TotpProposal,
  type Totps,
} from '../credentials/index.ts';
import { issueLink, lookUpLink, spendLink } from '../links/index.ts';
import { hasAdministrator, lockTenant } from '../tenants/index.ts';

import type { Db, PrismaClient } from './store.ts';
import { insertUser, validEmail, validName } from './user.ts';

/** Who the first administrator will be. */
export interface SetupIdentity {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
}

/**
 * Set-up: the one-time link that makes the first administrator.
 *
 * The link's token is the only key to it. Looking at it changes nothing, because browsers prefetch and
 * people reload; it completes once, and no link at all completes after an administrator
 * exists. Every refusal is the same `NotFound`.
 */
export interface Setup {
  /** Whether nobody administers this installation yet. */
  needed(): Promise<boolean>;
  /**
   * Makes a link; only its hash is stored.
   *
   * @throws InvalidInput when there is an administrator already.
   */
  createLink(cause: Cause): Promise<{ readonly url: string; readonly expiresAt: Date }>;
  /** Looks at a link. @throws NotFound */
  open(token: string, origin: Origin): Promise<void>;
  /** Who was named so far. @throws NotFound */
  identity(token: string | undefined): Promise<SetupIdentity | undefined>;
  /** Names the administrator. @throws NotFound; AlreadyExists; FieldRefused when the name or the address will not do. */
  identify(token: string, person: { readonly name: string; readonly email: string }): Promise<void>;
  /** The seed to be scanned: the same as often as the page is shown. @throws NotFound */
  totp(token: string): Promise<TotpProposal>;
  /** @throws NotFound; AlreadyExists; FieldRefused when the password or the code will not do. */
  completeWithPassword(
    token: string,
    proof: { readonly password: string; readonly code: string },
    browser: Browser,
  ): Promise<Authentication>;
  /** WebAuthn options for the administrator's passkey. @throws NotFound */
  passkeyOptions(token: string): Promise<object>;
  /** @throws NotFound; AlreadyExists; PasskeyRefused */
  completeWithPasskey(token: string, response: unknown, browser: Browser): Promise<Authentication>;
}

interface Deps {
  readonly prisma: PrismaClient;
  readonly anonymous: Pick<AnonymousRecorder, 'record'>;
  readonly issuer: string;
  /** The tenant whose first administrator is made. */
  readonly tenantId: string;
  /** Whole seconds that a link is valid. */
  readonly lifetime: number;
  readonly attempts: Attempts;
  readonly passwords: Passwords;
  readonly totps: Totps;
  readonly passkeys: Passkeys;
}

/** One sentence for a link that is wrong, spent, expired or too late. */
const gone = () => new NotFound('there is no such set-up link');

export function createSetup({
  prisma,
  anonymous,
  issuer,
  tenantId,
  lifetime,
  attempts,
  passwords,
  totps,
  passkeys,
}: Deps): Setup {
  const needed = async () => !(await hasAdministrator(prisma, tenantId));

  const refuse = async (reason: string, origin: Origin): Promise<never> => {
    const entry = { event: 'setup.rejected', outcome: 'refused', reason } as const;
    await anonymous.record(entry, anonymously(origin));
    throw gone();
  };

  /** What was typed so far; `undefined` where nothing was, or too long ago. */
  const attemptOf = async (token: string): Promise<Attempt | undefined> => {
    if (!(await needed())) throw gone();
    if ((await lookUpLink(prisma, token, ['setup']))?.state !== 'open') throw gone();
    return attempts.find(token, 'setup');
  };

  const identityOf = async (token: string): Promise<SetupIdentity> => {
    const attempt = await attemptOf(token);
    const identity = attempt && toIdentity(attempt);
    if (!identity) throw gone();
    return identity;
  };

  /** Spends the link and makes the administrator, once: the tenant's row is locked against a second link. */
  const complete = <T>(
    token: string,
    identity: SetupIdentity,
    { origin }: Browser,
    credentials: (tx: Db, cause: Cause) => Promise<T>,
  ): Promise<T> =>
    prisma.$transaction(async (tx) => {
      await lockTenant(tx, tenantId);
      if (await hasAdministrator(tx, tenantId)) throw gone();
      if (!(await spendLink(tx, token, 'setup'))) throw gone();
      const { userId, email, name } = identity;
      const cause = byUser(userId, origin);
      const roles = ['member', 'admin'];
      await insertUser(tx, { id: userId, email, name, tenantId, roles }, cause);
      const stored = await credentials(tx, cause);
      await attempts.finish(tx, token);
      await recordAudit(
        tx,
        { event: 'setup.completed', outcome: 'success', tenant: tenantId, subject: userId },
        cause,
      );
      return stored;
    });

  return {
    needed,

    async createLink(cause) {
      if (!(await needed())) throw new InvalidInput('there is an administrator already');
      const { token, expiresAt } = await prisma.$transaction(async (tx) => {
        await recordAudit(tx, { event: 'setup.link_created', outcome: 'success' }, cause);
        return issueLink(tx, { purpose: 'setup', lifetime });
      });
      return { url: `${issuer}/setup?token=${token}`, expiresAt };
    },

    async open(token, origin) {
      if (!(await needed())) return refuse('administrator_exists', origin);
      const link = await lookUpLink(prisma, token, ['setup']);
      if (link?.state !== 'open') return refuse(link ? `link_${link.state}` : 'link_unknown', origin);
    },

    async identity(token) {
      const attempt = await attemptOf(token ?? '');
      return attempt && toIdentity(attempt);
    },

    async identify(token, person) {
      const { userId = newId('usr') } = (await attemptOf(token)) ?? {};
      const facts = { userId, email: validEmail(person.email), name: validName(person.name) };
      if ((await prisma.user.count({ where: { email: facts.email } })) > 0) {
        throw new AlreadyExists(`there is a user ${facts.email} already`);
      }
      await attempts.start('setup', facts, token);
      if (!(await attempts.describe(token, 'setup', facts))) throw gone();
    },

    async totp(token) {
      const { email } = await identityOf(token);
      return totps.proposeFor(token, email);
    },

    async completeWithPassword(token, { password, code }, browser) {
      const identity = await identityOf(token);
      const { userId, email } = identity;
      const { secret } = totps.proposeFor(token, email);
      const hash = await passwords.hash(password);
      const step = totps.stepOf(secret, code);
      if (step === undefined) throw new FieldRefused('code', 'the code is not right');

      await complete(token, identity, browser, async (tx, cause) => {
        await passwords.store(tx, userId, hash, cause);
        await totps.enrol(tx, { userId, secret, step }, cause);
      });
      return byPasswordAndCode(userId);
    },

    async passkeyOptions(token) {
      return passkeys.registrationOptions({ token, purpose: 'setup' }, await identityOf(token));
    },

    async completeWithPasskey(token, response, browser) {
      const identity = await identityOf(token);
      const { userId, passkey } = await passkeys.verifyRegistration({ token, purpose: 'setup' }, response);
      if (userId !== identity.userId) throw gone();
      const id = await complete(token, identity, browser, (tx) =>
        passkeys.store(tx, userId, passkey, browser),
      );
      return byPasskey(userId, id);
    },
  };
}

function toIdentity({ userId, email, name }: Attempt): SetupIdentity | undefined {
  if (userId === undefined || email === undefined || name === undefined) return undefined;
  return { userId, email, name };
}
