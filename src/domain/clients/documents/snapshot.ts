import { createHash } from 'node:crypto';

import type { ClientMetadata } from '../normalize-registration.ts';

/** The members on which a consent rests: who it says it is, where the answer goes, and what proves it. */
export type Snapshot = Pick<
  ClientMetadata,
  | 'client_name'
  | 'redirect_uris'
  | 'token_endpoint_auth_method'
  | 'token_endpoint_auth_signing_alg'
  | 'jwks'
  | 'jwks_uri'
>;

/** The same of a client as it is kept. */
export function snapshotOf(kept: {
  readonly name: string;
  readonly authMethod: string;
  readonly redirectUris: readonly string[];
  readonly metadata: unknown;
}): Snapshot {
  const { name, authMethod, redirectUris, metadata } = kept;
  return {
    ...(metadata as Partial<Snapshot>),
    client_name: name,
    redirect_uris: redirectUris,
    token_endpoint_auth_method: authMethod as Snapshot['token_endpoint_auth_method'],
  };
}

/** One thing that is not what it was. Each side is empty when there was, or is, nothing. */
export interface DocumentChange {
  readonly what: 'name' | 'redirects' | 'keys';
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/**
 * The version of a document as far as a consent rests on it: base64url of SHA-256. A new description or
 * another order is none.
 */
export function versionOf(snapshot: Snapshot): string {
  return createHash('sha256')
    .update(JSON.stringify(partsOf(snapshot)))
    .digest('base64url');
}

/** What a person should see before they allow the client what they allowed it when it was different. */
export function changesBetween(before: Snapshot, after: Snapshot): readonly DocumentChange[] {
  const [then, now] = [partsOf(before), partsOf(after)];
  return (['name', 'redirects', 'keys'] as const).flatMap((what) =>
    JSON.stringify(then[what]) === JSON.stringify(now[what])
      ? []
      : [{ what, before: without(then[what], now[what]), after: without(now[what], then[what]) }],
  );
}

function partsOf(snapshot: Snapshot): Readonly<Record<DocumentChange['what'], readonly string[]>> {
  return {
    name: [snapshot.client_name],
    redirects: [...snapshot.redirect_uris].sort(),
    keys: keysOf(snapshot),
  };
}

/** What proves the client, in words that stay the same as long as it does. */
function keysOf(snapshot: Snapshot): readonly string[] {
  const {
    token_endpoint_auth_method: method,
    token_endpoint_auth_signing_alg: alg,
    jwks,
    jwks_uri: uri,
  } = snapshot;
  if (method !== 'private_key_jwt') return [];
  const keys = uri === undefined ? (jwks?.keys ?? []).map(thumbprint).sort() : [uri];
  return alg === undefined ? keys : [...keys, alg];
}

/** RFC 7638 §3: the members that make the key, in their order. */
const KEY_MEMBERS = ['crv', 'e', 'kty', 'n', 'x', 'y'];

function thumbprint(key: Readonly<Record<string, unknown>>): string {
  const members = KEY_MEMBERS.flatMap((name) => (name in key ? [[name, key[name]]] : []));
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('base64url');
}

function without(list: readonly string[], others: readonly string[]): readonly string[] {
  return list.filter((member) => !others.includes(member));
}
