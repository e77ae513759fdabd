import type Provider from 'oidc-provider';
import { type Client, errors } from 'oidc-provider';
import type { Pool } from 'pg';
import type { DocumentMode } from '../../../domain/admission/index.ts';
import { choseItsName, displayedName } from '../../../domain/admission/index.ts';
import { canonicalizeResource } from '../../../domain/resources/index.ts';
import type { Purpose } from '../../../platform/http/index.ts';
import { namedByAddress } from '../../refusals/words.ts';
import { type ClientBeforeSignIn, clientBeforeSignIn } from '../before-sign-in.ts';

import { describeRedirect } from './redirect.ts';

const INTERACTION = /\/interaction\/([A-Za-z0-9_-]{20,64})$/;

/**
 * Describes what a sign-in is for that leads back to an interaction; `undefined` when it leads elsewhere, or
 * that has ended. The server is named by its address, as the request has it: its name, or whether it exists, is
 * for members of its tenant.
 */
export function describePurpose({
  provider,
  pool,
  documents,
  defaultTenant,
}: {
  readonly provider: Provider;
  readonly pool: Pool;
  readonly documents: DocumentMode;
  /** The tenant that counts where a request names no other. */
  readonly defaultTenant: string;
}) {
  return async (continueTo: string): Promise<Purpose | undefined> => {
    const uid = INTERACTION.exec(continueTo)?.[1];
    const interaction = uid && (await provider.Interaction.find(uid));
    if (!interaction) return undefined;
    const { client_id: clientId, resource: identifier, redirect_uri: redirectUri } = interaction.params;
    // A client that was removed since is refused after the sign-in, and does not prevent it.
    const client = await findIfThere(provider, String(clientId));
    const resource = canonicalizeResource(String(identifier));
    if (!client || !resource) return undefined;
    const asks = await clientBeforeSignIn({ pool, documents, defaultTenant }, client, String(redirectUri));
    return { ...describeClient(client, asks, String(redirectUri)), resource };
  };
}

/** Names the client, and says where it is from and that it is not verified where it chose its name itself. */
function describeClient(
  { clientId, clientName }: Client,
  { identity }: ClientBeforeSignIn,
  redirectUri: string,
): Pick<Purpose, 'client' | 'unverified'> {
  const name = displayedName(clientName ?? clientId, identity);
  if (!choseItsName(identity)) return { client: name };
  const host = namedByAddress(clientId) ? new URL(clientId).host : describeRedirect(redirectUri).address;
  return { client: name, unverified: { host } };
}

/** A client for the sake of its name: one that is refused, for whatever reason, is not there. */
export function findIfThere(provider: Provider, clientId: string): Promise<Client | undefined> {
  return provider.Client.find(clientId).catch((error: unknown) => {
    if (error instanceof errors.OIDCProviderError && error.expose) return undefined;
    throw error;
  });
}
