import { AlreadyExists, InvalidInput, NotFound } from '../../kernel/errors.ts';
import { DEFAULT_TENANT, hashSecret, newId, newSecret } from '../../kernel/ids.ts';
import type { Origin } from '../../kernel/origin.ts';
import { type AnonymousRecorder, recordAudit } from '../audit/index.ts';
import {
  type Attempt,
  type Attempts,
  type Authentication,
  byPasskey,
  byPasswordAndCode,
  FieldRefused,
  type Passkeys,
  type Passwords,
  type TotpProposal,
  type Totps,
} from '../credentials/index.ts';
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
 * The link's token is the only key to it. It may be opened more than once, because browsers prefetch
 * and people reload, but it completes once, and no link at all completes after an administrator
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
  createLink(origin: Origin): Promise<{ readonly url: string; readonly expiresAt: Date }>;
  /** Begins a set-up, or goes on with it. @throws NotFound */
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
    origin: Origin,
  ): Promise<Authentication>;
  /** WebAuthn options for the administrator's passkey. @throws NotFound */
  passkeyOptions(token: string): Promise<object>;
  /** @throws NotFound; AlreadyExists; PasskeyRefused */
  completeWithPasskey(token: string, response: unknown, origin: Origin): Promise<Authentication>;
}

interface Deps {
  readonly prisma: PrismaClient;
  readonly anonymous: Pick<AnonymousRecorder, 'record'>;
  readonly issuer: string;
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
  lifetime,
  attempts,
  passwords,
  totps,
  passkeys,
}: Deps): Setup {
  const needed = async () => !(await hasAdministrator(prisma, DEFAULT_TENANT));

  const refuse = async (reason: string, origin: Origin): Promise<never> => {
    await anonymous.record({ event: 'setup.rejected', outcome: 'refused', reason }, origin);
    throw gone();
  };

  const attemptOf = async (token: string | undefined): Promise<Attempt> => {
    const attempt = await attempts.find(token, 'setup');
    if (!attempt || !(await needed())) throw gone();
    return attempt;
  };

  const identityOf = async (token: string): Promise<SetupIdentity> => {
    const identity = toIdentity(await attemptOf(token));
    if (!identity) throw gone();
    return identity;
  };

  /** Spends the link and makes the administrator, once: the tenant's row is locked against a second link. */
  const complete = <T>(
    token: string,
    identity: SetupIdentity,
    origin: Origin,
    credentials: (tx: Db) => Promise<T>,
  ): Promise<T> =>
    prisma.$transaction(async (tx) => {
      await lockTenant(tx, DEFAULT_TENANT);
      if (await hasAdministrator(tx, DEFAULT_TENANT)) throw gone();
      if (!(await spend(tx, token))) throw gone();
      const { userId, email, name } = identity;
      const roles = ['member', 'admin'];
      await insertUser(tx, { id: userId, email, name, tenantId: DEFAULT_TENANT, roles }, origin);
      const stored = await credentials(tx);
      await attempts.finish(tx, token);
      await recordAudit(
        tx,
        { event: 'setup.completed', outcome: 'success', tenant: DEFAULT_TENANT, subject: userId },
        origin,
      );
      return stored;
    });

  return {
    needed,

    async createLink(origin) {
      if (!(await needed())) throw new InvalidInput('there is an administrator already');
      const token = newSecret();
      const rows = await prisma.$transaction(async (tx) => {
        await recordAudit(tx, { event: 'setup.link_created', outcome: 'success' }, origin);
        return tx.$queryRaw<{ expiresAt: Date }[]>`
          INSERT INTO setup_links (token_hash, expires_at)
          VALUES (${hashSecret(token)}, now() + make_interval(secs => ${lifetime}::int))
          RETURNING expires_at AS "expiresAt"`;
      });
      return { url: `${issuer}/setup?token=${token}`, expiresAt: rows[0]?.expiresAt ?? new Date(0) };
    },

    async open(token, origin) {
      if (!(await needed())) return refuse('administrator_exists', origin);
      if (!(await isOpen(prisma, token))) return refuse('link_unknown', origin);
      await attempts.start('setup', {}, token);
    },

    async identity(token) {
      return toIdentity(await attemptOf(token));
    },

    async identify(token, person) {
      const { userId = newId('usr') } = await attemptOf(token);
      const facts = { userId, email: validEmail(person.email), name: validName(person.name) };
      if ((await prisma.user.count({ where: { email: facts.email } })) > 0) {
        throw new AlreadyExists(`there is a user ${facts.email} already`);
      }
      if (!(await attempts.describe(token, 'setup', facts))) throw gone();
    },

    async totp(token) {
      const { email } = await identityOf(token);
      return totps.proposeFor(token, email);
    },

    async completeWithPassword(token, { password, code }, origin) {
      const identity = await identityOf(token);
      const { userId, email } = identity;
      const { secret } = totps.proposeFor(token, email);
      const hash = await passwords.hash(password);
      const step = totps.stepOf(secret, code);
      if (step === undefined) throw new FieldRefused('code', 'the code is not right');

      await complete(token, identity, origin, async (tx) => {
        await passwords.store(tx, userId, hash, origin);
        await totps.enrol(tx, { userId, secret, step }, origin);
      });
      return byPasswordAndCode(userId);
    },

    async passkeyOptions(token) {
      return passkeys.registrationOptions({ token, purpose: 'setup' }, await identityOf(token));
    },

    async completeWithPasskey(token, response, origin) {
      const identity = await identityOf(token);
      const { userId, passkey } = await passkeys.verifyRegistration({ token, purpose: 'setup' }, response);
      if (userId !== identity.userId) throw gone();
      const id = await complete(token, identity, origin, (tx) => passkeys.store(tx, userId, passkey, origin));
      return byPasskey(userId, id);
    },
  };
}

function toIdentity({ userId, email, name }: Attempt): SetupIdentity | undefined {
  if (userId === undefined || email === undefined || name === undefined) return undefined;
  return { userId, email, name };
}

async function isOpen(db: Db, token: string): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM setup_links
    WHERE token_hash = ${hashSecret(token)} AND used_at IS NULL AND expires_at > now()`;
  return rows.length === 1;
}

async function spend(tx: Db, token: string): Promise<boolean> {
  const count = await tx.$executeRaw`
    UPDATE setup_links SET used_at = now()
    WHERE token_hash = ${hashSecret(token)} AND used_at IS NULL AND expires_at > now()`;
  return count === 1;
}
