import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput } from '../../kernel/errors.ts';
import { DELEGATED_GRANT_TYPES, GRANT_TYPES, type GrantType } from '../../kernel/grant-types.ts';
import { hashSecret, newId, newSecret } from '../../kernel/ids.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import type { AuthMethod, Trust } from './client.ts';
import { readKeys } from './registered-keys.ts';
import { applicationType, checkRedirectUris } from './registered-redirects.ts';
import { displayName } from './registered-values.ts';
import { insertClient } from './store.ts';

export interface NewClient {
  /** `ten_default` when absent. */
  readonly tenantId: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
  /** `none`: a public client, which proves itself with PKCE alone. */
  readonly authMethod?: AuthMethod | undefined;
  /** A JWK Set of public keys, for `private_key_jwt`; or the URL of one. */
  readonly jwks?: unknown;
  readonly jwksUri?: string | undefined;
  /** `known` when absent: an administrator vouches for who it is, not for what it does. */
  readonly trust?: Trust | undefined;
  /** Both that there are, when absent. */
  readonly grantTypes?: readonly GrantType[] | undefined;
  /** The entry of the catalogue that it is made of. */
  readonly catalogue?: string | undefined;
}

export interface AddedClient {
  /** `cli_…` */
  readonly clientId: string;
  /** In the clear, this once; only its hash is kept. */
  readonly clientSecret: string | undefined;
  /** Ids of clients of the tenant that people see under the same name, ten at most. */
  readonly namesakes: readonly string[];
}

/** Clients of the same name that are looked up. */
const MAX_NAMESAKES = 10;

/**
 * Pre-registers a client.
 *
 * Its id and secret are of `[A-Za-z0-9_-]` only: SDKs send them in a Basic header without the form
 * encoding of RFC 6749 §2.3.1, and so encoding makes no difference.
 *
 * @throws InvalidInput when a redirect URI, a key or the combination cannot be; the message says how to mend it.
 */
export async function addClient(prisma: PrismaClient, input: NewClient, cause: Cause): Promise<AddedClient> {
  const record = build(input);
  const secret = record.authMethod.startsWith('client_secret') ? newSecret() : undefined;

  const namesakes = await prisma.$transaction(async (tx) => {
    const { tenantId, name } = record;
    const found = await tx.client.findMany({
      where: { tenantId, name, removedAt: null },
      select: { id: true },
      take: MAX_NAMESAKES,
    });
    await insertClient(tx, { ...record, secretHash: secret === undefined ? undefined : hashSecret(secret) });
    await recordAudit(
      tx,
      {
        event: 'client.added',
        outcome: 'success',
        tenant: record.tenantId,
        client: record.id,
        detail: { name: record.name, auth_method: record.authMethod, trust: record.trust },
      },
      cause,
    );
    return found.map(({ id }) => id);
  });
  return { clientId: record.id, clientSecret: secret, namesakes };
}

function build(input: NewClient) {
  const name = displayName(input.name);
  if (name === undefined) throw new InvalidInput('A client needs a name.');

  const redirects = checkRedirectUris(input.redirectUris);
  if (!redirects.ok) throw new InvalidInput(`The client cannot be registered: ${redirects.reason}.`);

  const authMethod = input.authMethod ?? 'none';
  if (authMethod !== 'private_key_jwt' && (input.jwks !== undefined || input.jwksUri !== undefined)) {
    throw new InvalidInput('Keys belong to a client that authenticates with private_key_jwt.');
  }
  const keys = readKeys({ jwks: input.jwks, jwks_uri: input.jwksUri }, authMethod);
  if (!keys.ok) throw new InvalidInput(`The client cannot be registered: ${keys.reason}.`);

  const grantTypes = input.grantTypes ?? DELEGATED_GRANT_TYPES;
  if (!grantTypes.includes('authorization_code')) {
    throw new InvalidInput(
      'A client needs the grant type authorization_code: a refresh has to begin with something.',
    );
  }
  return {
    id: newId('cli'),
    tenantId: input.tenantId,
    registration: 'preregistered' as const,
    name,
    authMethod,
    redirectUris: redirects.uris,
    grantTypes: GRANT_TYPES.filter((type) => grantTypes.includes(type)),
    trust: input.trust ?? ('known' as const),
    catalogue: input.catalogue,
    metadata: { application_type: applicationType(redirects.uris, undefined), ...keys.value },
  };
}
