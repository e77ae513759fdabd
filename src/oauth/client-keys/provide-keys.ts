import { decodeProtectedHeader } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import Provider, { errors } from 'oidc-provider';

import { ASSERTION_ALGORITHMS } from '../../domain/clients/index.ts';
import { setClientKeys } from '../internals.ts';
import { noteRefusal } from '../refusal.ts';

import type { KeySets, WantedKey } from './key-sets.ts';

/**
 * Has a client that publishes its keys come with them when it presents an assertion.
 *
 * The library would fetch them itself, for each client that it makes, and it makes one for each
 * request; with no bound, and of an unknown key once for every request that names one. So it is
 * given keys for good, and asks for none.
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
    // What no key of ours could verify is not worth a fetch; the library says what is wrong with it.
    const found = wanted ? await keySets(jwksUri, wanted) : { ok: true as const, keys: [] };
    if (!found.ok) {
      noteRefusal(ctx, {
        event: 'client.authentication_failed',
        outcome: 'refused',
        reason: 'client_keys',
        client: client.clientId,
        detail: { why: found.why },
      });
      throw new errors.InvalidClientAuth('client_keys');
    }
    setClientKeys(client, found.keys);
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
