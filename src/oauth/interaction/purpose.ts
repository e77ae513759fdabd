import type Provider from 'oidc-provider';
import { type Client, errors } from 'oidc-provider';

import { canonicalizeResource } from '../../domain/resources/index.ts';
import type { Purpose } from '../../platform/http/index.ts';

const INTERACTION = /\/interaction\/([A-Za-z0-9_-]{20,64})$/;

/**
 * Describes what a sign-in is for that leads back to an interaction; `undefined` when it leads elsewhere, or
 * that has ended. The server is named by its address, as the request has it: its name, or whether it exists, is
 * for members of its tenant.
 */
export function describePurpose({ provider }: { readonly provider: Provider }) {
  return async (continueTo: string): Promise<Purpose | undefined> => {
    const uid = INTERACTION.exec(continueTo)?.[1];
    const interaction = uid && (await provider.Interaction.find(uid));
    if (!interaction) return undefined;
    const { client_id: clientId, resource: identifier } = interaction.params;
    // A client that was removed since is refused after the sign-in, and does not prevent it.
    const client = await findIfThere(provider, String(clientId));
    const resource = canonicalizeResource(String(identifier));
    return client && resource ? { client: client.clientName ?? client.clientId, resource } : undefined;
  };
}

/** A client for the sake of its name: one that is refused, for whatever reason, is not there. */
export function findIfThere(provider: Provider, clientId: string): Promise<Client | undefined> {
  return provider.Client.find(clientId).catch((error: unknown) => {
    if (error instanceof errors.OIDCProviderError && error.expose) return undefined;
    throw error;
  });
}
