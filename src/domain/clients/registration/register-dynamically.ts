import type { Cause } from '../../../kernel/cause.ts';
import { hashSecret, newId, newSecret } from '../../../kernel/ids.ts';
import { networkKey } from '../../../kernel/network.ts';
import type { Prisma, PrismaClient } from '../../../platform/database/generated/client.ts';
import { recordAudit } from '../../audit/index.ts';

import type { Client, Trust } from '../client.ts';
import { keepSnapshot } from '../documents/keep-snapshot.ts';
import type { ClientMetadata } from '../normalize-registration.ts';
import { insertClient } from '../store.ts';
import { type QuotaRefusal, type RegistrationQuota, refusedByQuota } from './quota.ts';
import { takeRegistrationToken } from './registration-token.ts';

/** How every registration access token begins. */
const ACCESS_TOKEN_PREFIX = 'ghr_';

export interface DynamicRegistration {
  /** As `normalizeRegistration` left it. */
  readonly metadata: ClientMetadata;
  /** The initial access token that permits it, by its id; or, where everybody may, the network that asks. */
  readonly by:
    | { readonly registrationToken: string }
    /** An IP address. Without a quota anything is kept. */
    | { readonly network: string; readonly quota: RegistrationQuota | undefined; readonly tenantId: string };
}

export type DynamicOutcome =
  | {
      readonly ok: true;
      readonly client: Client;
      /** In the clear, this once; only hashes are kept. */
      readonly secret: string | undefined;
      readonly registrationAccessToken: string;
    }
  | { readonly ok: false; readonly reason: 'registration_token_used_up' | QuotaRefusal };

/**
 * Keeps a client that registered itself (RFC 7591): counted against its token or its quota, with its
 * secret, with the token that manages it (RFC 7592) and with its record, in one transaction or not at all.
 *
 * A stranger is `untrusted`; by a token it is what the token says, in the token's tenant.
 */
export async function registerDynamicClient(
  prisma: PrismaClient,
  registration: DynamicRegistration,
  cause: Cause,
): Promise<DynamicOutcome> {
  const { by, metadata } = registration;
  return prisma.$transaction(async (tx): Promise<DynamicOutcome> => {
    if ('registrationToken' in by) {
      const taken = await takeRegistrationToken(tx, by.registrationToken);
      if (!taken) return { ok: false, reason: 'registration_token_used_up' };
      return insert(tx, metadata, { ...taken, from: undefined, token: by.registrationToken }, cause);
    }
    const refusal = by.quota && (await refusedByQuota(tx, by.network, by.quota));
    if (refusal) return { ok: false, reason: refusal };
    const stranger = { tenantId: by.tenantId, trust: 'untrusted', from: networkKey(by.network) } as const;
    return insert(tx, metadata, { ...stranger, token: undefined }, cause);
  });
}

interface Standing {
  readonly tenantId: string;
  readonly trust: Trust;
  readonly from: string | undefined;
  readonly token: string | undefined;
}

async function insert(
  tx: Prisma.TransactionClient,
  metadata: ClientMetadata,
  { tenantId, trust, from, token }: Standing,
  cause: Cause,
): Promise<DynamicOutcome> {
  const {
    client_name: name,
    redirect_uris: redirectUris,
    grant_types: grantTypes,
    token_endpoint_auth_method: authMethod,
    ...rest
  } = metadata;
  const id = newId('cli');
  const secret = authMethod.startsWith('client_secret') ? newSecret() : undefined;
  const registrationAccessToken = `${ACCESS_TOKEN_PREFIX}${newSecret()}`;
  const client = await insertClient(tx, {
    id,
    tenantId,
    registration: 'dynamic',
    name,
    authMethod,
    redirectUris,
    grantTypes,
    trust,
    metadata: rest,
    secretHash: secret === undefined ? undefined : hashSecret(secret),
    registrationTokenHash: hashSecret(registrationAccessToken),
    registeredTrust: trust,
    registeredFrom: from,
  });
  await keepSnapshot(tx, client);
  await recordAudit(
    tx,
    {
      event: 'client.registered',
      outcome: 'success',
      tenant: tenantId,
      client: id,
      detail: {
        name,
        registration: 'dynamic',
        trust,
        redirect_uris: redirectUris.slice(0, 10),
        ...(token === undefined ? {} : { registration_token: token }),
      },
    },
    cause,
  );
  return { ok: true, client, secret, registrationAccessToken };
}
