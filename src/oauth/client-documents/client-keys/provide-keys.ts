import { decodeProtectedHeader } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import Provider, { errors } from 'oidc-provider';

import { ASSERTION_ALGORITHMS, KeySetInvalid, type PublicKey } from '../../../domain/clients/index.ts';
import { FetchRefused } from '../../../platform/fetch/index.ts';
import { setClientKeys } from '../../authorization/internals.ts';
import { noteRefusal } from '../../refusals/refusal.ts';

import type { KeySets, WantedKey } from './key-sets.ts';

/**
 * Has a client that publishes its keys come with them when it presents an assertion.
 *
 * The library would fetch them itself, for each client that it makes, with no bound, and of an unknown key
 * once for every request that names one. So it is given keys for good, and asks for none. Requests share
 * what it makes: what one of them sets is what the client publishes, which is the same for all.
 */
export function provideKeys(provider: Provider, keySets: KeySets): void {
  const { Client } = provider;
  const find = Client.find.bind(Client);

  Client.find = async function findWithKeys(id: string) {
    const client = await find(id);
    const { ctx } = Provider;
    const { jwksUri, tokenEndpointAuthMethod: method } = client ?? {};
    if (!ctx || !client || jwksUri === undefined || method !== 'private_key_jwt') return client;
    const assertion = assertionOf(ctx);
    if (assertion === undefined) return client;
    const wanted = wantedBy(assertion);
    // What no key could verify is not worth a fetch; the library refuses it before it looks for one.
    if (wanted) setClientKeys(client, await keysOf(ctx, client.clientId, () => keySets(jwksUri, wanted)));
    return client;
  };
}

function assertionOf(ctx: KoaContextWithOIDC): string | undefined {
  const assertion = ctx.oidc.route === 'token' && ctx.oidc.params?.['client_assertion'];
  return typeof assertion === 'string' ? assertion : undefined;
}

function wantedBy(assertion: string): WantedKey | undefined {
  try {
    const { alg, kid } = decodeProtectedHeader(assertion);
    const known = ASSERTION_ALGORITHMS.find((algorithm) => algorithm === alg);
    return known && { alg: known, kid: typeof kid === 'string' ? kid : undefined };
  } catch {
    return undefined;
  }
}

/** A set that cannot be had or believed is a failed authentication, and the record says why. */
async function keysOf(
  ctx: KoaContextWithOIDC,
  clientId: string,
  find: () => Promise<readonly PublicKey[]>,
): Promise<readonly PublicKey[]> {
  try {
    return await find();
  } catch (error) {
    if (!(error instanceof FetchRefused || error instanceof KeySetInvalid)) throw error;
    noteRefusal(ctx, {
      event: 'client.authentication_failed',
      outcome: 'refused',
      reason: 'client_keys',
      client: clientId,
      detail: { why: error.detail },
    });
    throw new errors.InvalidClientAuth('client_keys');
  }
}
