import { DEFAULT_TENANT, hashSecret } from '../../kernel/ids.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import type { Registration } from './client.ts';
import type { ClientMetadata } from './normalize-registration.ts';
import { upsertClient } from './store.ts';

export interface SelfRegistration {
  /** `cli_…`, or the URL of the metadata document. */
  readonly id: string;
  readonly registration: Exclude<Registration, 'preregistered'>;
  /** As `normalizeRegistration` left it. */
  readonly metadata: ClientMetadata;
  /** In the clear; only its hash is kept. */
  readonly secret?: string | undefined;
}

/**
 * Keeps a client that registered itself, dynamically or by its metadata document, as `untrusted`.
 *
 * Again with the same id it takes over what the client now says about itself, while its trust level,
 * which is ours to give, stays. A pre-registered or removed client of that id wins: nothing is written
 * and the answer is `kept`.
 */
export async function registerClient(
  prisma: PrismaClient,
  { id, registration, metadata, secret }: SelfRegistration,
  origin: Origin,
): Promise<'created' | 'updated' | 'kept'> {
  const {
    client_id: _id,
    client_name: name,
    redirect_uris,
    grant_types,
    token_endpoint_auth_method,
    ...rest
  } = metadata;
  return prisma.$transaction(async (tx) => {
    const outcome = await upsertClient(tx, {
      id,
      tenantId: DEFAULT_TENANT,
      registration,
      name,
      authMethod: token_endpoint_auth_method,
      redirectUris: redirect_uris,
      grantTypes: grant_types,
      trust: 'untrusted',
      metadata: rest,
      secretHash: secret === undefined ? undefined : hashSecret(secret),
    });
    if (outcome === 'created') {
      await recordAudit(
        tx,
        {
          event: 'client.registered',
          outcome: 'success',
          tenant: DEFAULT_TENANT,
          client: id,
          detail: { name, registration, redirect_uris: redirect_uris.slice(0, 10) },
        },
        origin,
      );
    }
    return outcome;
  });
}
