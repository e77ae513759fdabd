import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

import { type EffectiveAuthority, effectiveAuthority } from '../../domain/authority/index.ts';
import type { GrantFacts } from '../../domain/grants/index.ts';
import { canonicalizeResource } from '../../domain/resources/index.ts';

/** Why a grant yields no token any more, or `undefined` while it does. */
export function whyDead(grant: GrantFacts): string | undefined {
  if (grant.revoked) return 'grant_ended';
  if (!grant.userActive) return 'subject_inactive';
  if (!grant.clientActive) return 'client_inactive';
  if (!grant.resourceActive) return 'resource_inactive';
  return undefined;
}

/**
 * Holds a token request to the resource of its grant (RFC 8707 §2.2): omitted, or the granted one in
 * any spelling.
 */
export function isGrantedResource(ctx: KoaContextWithOIDC, grant: GrantFacts): boolean {
  const asked = ctx.oidc.params?.['resource'];
  if (asked === undefined) return true;
  return typeof asked === 'string' && canonicalizeResource(asked) === grant.resource;
}

/**
 * The scopes of the next access token: what the request asks of the grant (all of it by default),
 * narrowed to what every party still allows.
 *
 * @throws InvalidScope when the request asks for what the grant never held (RFC 6749 §6).
 */
export function narrow(ctx: KoaContextWithOIDC, grant: GrantFacts): EffectiveAuthority {
  const asked = ctx.oidc.params?.['scope'];
  const requested = typeof asked === 'string' && asked !== '' ? asked.split(' ') : undefined;
  const held = new Set([...grant.scopes, ...grant.oidcScopes]);
  const foreign = requested?.filter((scope) => !held.has(scope)) ?? [];
  if (foreign.length > 0)
    throw new errors.InvalidScope('a requested scope was not granted', foreign.join(' '));

  return effectiveAuthority({
    requested: requested?.filter((scope) => !grant.oidcScopes.includes(scope)) ?? grant.scopes,
    offered: grant.offered,
    permitted: grant.permitted,
    trust: grant.clientTrust,
    consented: grant.scopes,
  });
}
