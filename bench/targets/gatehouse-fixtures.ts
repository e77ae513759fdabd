import { createHash, randomBytes } from 'node:crypto';
import { hash } from 'argon2';
import { setRule } from '../../src/domain/admission/index.ts';
import { addClient, keepDocument, readDocument, versionOf } from '../../src/domain/clients/index.ts';
import { addResource } from '../../src/domain/resources/index.ts';
import type { Installation } from '../../src/installation.ts';
import { byHousekeeping } from '../../src/kernel/cause.ts';
import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import type { Database } from '../../src/platform/database/index.ts';
import type { Person } from '../load/protocol.ts';
import { DOCUMENT_REDIRECT, documentUrl, goodDocument } from '../web/documents.ts';

/** A client that grants are made for. */
export interface FixtureClient {
  readonly id: string;
  readonly redirectUri: string;
  /** What its grants are held to, where it is known by its metadata document. */
  readonly version?: Buffer;
}

/** What the requests of a benchmark present, put straight into the store. */
export interface Fixtures {
  readonly issuer: string;
  readonly resource: { readonly id: string; readonly identifier: string; readonly secret: string };
  /** A client of ours with a web redirect, which needs no page once its person is signed in. */
  readonly client: FixtureClient;
  /** The same, but known by its metadata document, which somebody has allowed something before. */
  readonly documentClient: FixtureClient;
  /** A client that runs on the person's machine, which asks for consent. */
  readonly native: { readonly id: string; readonly redirectUri: string };
  /** PKCE, the same for every code. */
  readonly verifier: string;
  readonly challenge: string;
  /** Living grants, each with an unused refresh token; answers the tokens. */
  refreshTokens(count: number, client?: FixtureClient): Promise<readonly string[]>;
  /** Grants whose code is not redeemed yet; answers the codes. */
  codes(count: number, client?: FixtureClient): Promise<readonly string[]>;
  /** Somebody who is signed in, as the value of their session cookie. */
  session(): Promise<string>;
  /** People with a password and a one-time code factor. */
  people(count: number): Promise<readonly Person[]>;
}

export const SCOPE = 'files:read files:write';

const CAUSE = byHousekeeping('bench');
const PASSWORD = 'correct horse battery staple';

/** Makes the resource and the clients, unless another server of the same store did, and the rest when asked. */
export async function createFixtures({
  database,
  installation,
  issuer,
}: {
  readonly database: Database;
  readonly installation: Installation;
  readonly issuer: string;
}): Promise<Fixtures> {
  const { pool, prisma } = database;
  const identifier = `https://files-${randomBytes(4).toString('hex')}.example/mcp`;
  const added = await addResource(
    prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier,
      name: 'Team Files',
      scopes: [
        { scope: 'files:read', description: 'Read and search your files', destructive: false },
        { scope: 'files:write', description: 'Create and change files', destructive: false },
        { scope: 'files:delete', description: 'Delete files', destructive: true },
      ],
      defaultScopes: ['files:read'],
      withSecret: true,
    },
    CAUSE,
  );
  const web = { redirectUri: 'https://client.example/callback', trust: 'first_party', name: 'Web' } as const;
  const local = { redirectUri: 'http://127.0.0.1:53111/callback', trust: 'known', name: 'Native' } as const;
  const [client, native] = await Promise.all(
    [web, local].map(async ({ redirectUri, ...more }) => {
      const { clientId } = await addClient(
        prisma,
        { tenantId: DEFAULT_TENANT, ...more, redirectUris: [redirectUri] },
        CAUSE,
      );
      return { id: clientId, redirectUri };
    }),
  );
  if (!client || !native) throw new Error('there is no client');
  const documentClient = await keepDocumentClient(prisma);
  const user = await installation.users.add(
    { tenant: DEFAULT_TENANT, email: emailOf('owner'), name: 'Owner' },
    CAUSE,
  );
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const resourceId = added.resource.id;
  let passwordHash: string | undefined;

  const insertGrants = async (count: number, activated: boolean, of: FixtureClient) => {
    const { rows } = await pool.query<{ id: string }>(
      `INSERT INTO grants (id, tenant_id, user_id, client_id, resource_id, scopes, oidc_scopes, redirect_uri,
                           auth_time, acr, amr, network, activated_at, expires_at, client_version)
       SELECT id, $2, $3, $4, $5, $6, '{}', $7, now(), 'phr', '{pop,user,mfa}', '127.0.0.1',
              CASE WHEN $8 THEN now() END, now() + interval '30 days', $9
       FROM unnest($1::text[]) AS id RETURNING id`,
      [
        Array.from({ length: count }, () => `grt_${randomBytes(16).toString('base64url')}`),
        DEFAULT_TENANT,
        user.id,
        of.id,
        resourceId,
        SCOPE.split(' '),
        of.redirectUri,
        activated,
        of.version ?? null,
      ],
    );
    return rows.map(({ id }) => id);
  };

  return {
    issuer,
    resource: { id: resourceId, identifier, secret: added.secret ?? '' },
    client,
    documentClient,
    native,
    verifier,
    challenge,

    async refreshTokens(count, of = client) {
      const grants = await insertGrants(count, true, of);
      const tokens = grants.map(() => randomBytes(32).toString('base64url'));
      await pool.query(
        `INSERT INTO refresh_tokens (token_hash, grant_id, client_id, generation, secret_version, expires_at)
         SELECT hash, grant_id, $3, 0, 0, now() + interval '14 days' FROM unnest($1::bytea[], $2::text[]) AS t (hash, grant_id)`,
        [tokens.map(sha256), grants, of.id],
      );
      return tokens;
    },

    async codes(count, of = client) {
      const grants = await insertGrants(count, false, of);
      const codes = grants.map(() => randomBytes(32).toString('base64url'));
      await pool.query(
        `INSERT INTO authorization_codes (code_hash, grant_id, client_id, redirect_uri, code_challenge, expires_at)
         SELECT hash, grant_id, $3, $4, $5, now() + interval '10 minutes' FROM unnest($1::bytea[], $2::text[]) AS t (hash, grant_id)`,
        [codes.map(sha256), grants, of.id, of.redirectUri, challenge],
      );
      return codes;
    },

    async session() {
      const authentication = {
        userId: user.id,
        passkeyId: undefined,
        acr: 'phr',
        amr: ['pop', 'user', 'mfa'],
      };
      const browser = { origin: { ...CAUSE, network: '127.0.0.1' } };
      const { token } = await prisma.$transaction((tx) =>
        installation.sessions.create(tx, authentication as never, browser),
      );
      return token;
    },

    async people(count) {
      // The same hash for all: it is verified at each sign-in, and made once here.
      passwordHash ??= await hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
      const made: Person[] = [];
      for (let n = 0; n < count; n += 1) {
        const person = { email: emailOf('person'), name: 'Ada Lovelace', totp: true };
        const { id, email, totp } = await installation.users.add(
          { tenant: DEFAULT_TENANT, ...person },
          CAUSE,
        );
        await installation.passwords.store(prisma, id, passwordHash, CAUSE);
        made.push({ email, password: PASSWORD, totpSecret: totp?.secret ?? '' });
      }
      return made;
    },
  };
}

/** As a consent leaves it, and with a rule that trusts it as far as the registered one. */
async function keepDocumentClient(prisma: Database['prisma']): Promise<FixtureClient> {
  const id = documentUrl('good', 0, 'known');
  const metadata = readDocument(id, goodDocument(id));
  const version = versionOf(metadata);
  await keepDocument(prisma, { metadata, version }, DEFAULT_TENANT, CAUSE);
  await setRule(prisma, { tenantId: DEFAULT_TENANT, pattern: id, trust: 'first_party' }, CAUSE);
  return { id, redirectUri: DOCUMENT_REDIRECT, version: Buffer.from(version, 'base64url') };
}

function emailOf(name: string): string {
  return `${name}-${randomBytes(8).toString('hex')}@example.com`;
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
