import type Provider from 'oidc-provider';
import { type Client, errors } from 'oidc-provider';
import type { Pool } from 'pg';

import { findResource } from '../../domain/resources/index.ts';
import type { Purpose } from '../../platform/http/index.ts';

const INTERACTION = /\/interaction\/([A-Za-z0-9_-]{20,64})$/;

/** What a sign-in is for that leads back to an interaction; `undefined` when it leads elsewhere, or that has ended. */
export function describePurpose({ provider, pool }: { readonly provider: Provider; readonly pool: Pool }) {
  return async (continueTo: string): Promise<Purpose | undefined> => {
    const uid = INTERACTION.exec(continueTo)?.[1];
    const interaction = uid && (await provider.Interaction.find(uid));
    if (!interaction) return undefined;
    const { client_id: clientId, resource: identifier } = interaction.params;
    const [client, resource] = await Promise.all([
      // A client that was removed meanwhile is refused afterwards, and does not stand in the way of a sign-in.
      findIfThere(provider, String(clientId)),
      findResource(pool, String(identifier)),
    ]);
    return client && resource && { client: client.clientName ?? client.clientId, resource: resource.name };
  };
}

/** A client for the sake of its name: one that is refused, for whatever reason, is not there. */
export function findIfThere(provider: Provider, clientId: string): Promise<Client | undefined> {
  return provider.Client.find(clientId).catch((error: unknown) => {
    if (error instanceof errors.OIDCProviderError && error.expose) return undefined;
    throw error;
  });
}
