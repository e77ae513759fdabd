import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

import type { Lifetimes } from '../../../config/config.ts';
import { type EffectiveAuthority, effectiveAuthority } from '../../../domain/authority/index.ts';
import type { GrantFacts } from '../../../domain/grants/index.ts';
import { canonicalizeResource } from '../../../domain/resources/index.ts';
import { connectionLifetime } from '../../authorization/trust.ts';

/**
 * How long the grant has left, in seconds: `idle` without use, `absolute` however much it is used. Both are
 * those of the client's trust now, so that lowering it shortens what was made before. Raising it does not
 * lengthen: what was promised to the person stands in the grant.
 */
export function timeLeft(
  grant: GrantFacts,
  lifetimes: Lifetimes,
): { readonly idle: number; readonly absolute: number } {
  const { idle, absolute } = connectionLifetime(lifetimes, grant.clientTrust);
  const left = Math.floor(absolute - grant.age);
  return { idle: Math.min(idle, left), absolute: left };
}

/** Why a grant yields no token any more, or `undefined` while it does. */
export function whyDead(grant: GrantFacts, lifetimes: Lifetimes): string | undefined {
  if (grant.revoked) return 'grant_ended';
  if (grant.expired || timeLeft(grant, lifetimes).absolute <= 0) return 'absolute_expiry';
  if (!grant.userActive) return 'subject_inactive';
  if (!grant.clientActive) return 'client_inactive';
  if (!grant.resourceActive) return 'resource_inactive';
  return undefined;
}

/**
 * Holds a token request to the resource of its grant (RFC 8707 §2.2): omitted, or the granted one in
 * any spelling, however often it is repeated.
 *
 * @throws InvalidTarget when the request names several. Like every malformed request it spends nothing.
 */
export function isGrantedResource(ctx: KoaContextWithOIDC, grant: GrantFacts): boolean {
  const values: unknown = ctx.oidc.params?.['resource'];
  if (values === undefined) return true;
  const asked = new Set([values].flat().map((value) => canonicalizeResource(String(value))));
  if (asked.size > 1) throw new errors.InvalidTarget('one token is for one resource', 'resource_ambiguous');
  return asked.has(grant.resource);
}

/** What the next tokens of a grant are for. */
export interface NarrowedAuthority extends EffectiveAuthority {
  /** Whether an ID token belongs to them. */
  readonly openid: boolean;
}

/**
 * The scopes of the next access token: what the request asks of the grant (all of it by default),
 * narrowed to what every party still allows.
 *
 * A scope that the user took back at "Connected apps" narrows silently, like one that a role lost: many clients repeat
 * the scope string of their authorization at every refresh, and the response says what was granted. What was added there
 * counts as consented; a request without `scope` gets it.
 *
 * `offline_access` may always be repeated: whoever holds a refresh token was given it, also when the
 * authorization request did not say so.
 *
 * @throws InvalidScope when the request asks for what the grant never held (RFC 6749 §6), or for
 * nothing that it holds now.
 */
export function narrow(ctx: KoaContextWithOIDC, grant: GrantFacts): NarrowedAuthority {
  const asked = ctx.oidc.params?.['scope'];
  const requested = typeof asked === 'string' ? asked.split(' ').filter(Boolean) : [];
  const ofNoResource = new Set([...grant.oidcScopes, 'offline_access']);
  const ofResource = requested.filter((scope) => !ofNoResource.has(scope));
  const held = ofResource.filter((scope) => grant.scopes.includes(scope));
  const foreign = ofResource.filter(
    (scope) => !held.includes(scope) && !grant.withdrawnScopes.includes(scope),
  );
  if (foreign.length > 0)
    throw new errors.InvalidScope('a requested scope was not granted', foreign.join(' '));
  if (requested.length > 0 && ofResource.length === 0)
    throw new errors.InvalidScope('no scope of the resource was requested', requested.join(' '));
  if (requested.length > 0 && held.length === 0)
    throw new errors.InvalidScope('the user took back every requested scope', ofResource.join(' '));

  const authority = effectiveAuthority({
    requested: requested.length > 0 ? ofResource : grant.scopes,
    offered: grant.offered,
    destructive: grant.destructive,
    admitsStrangers: grant.admitsStrangers,
    permitted: grant.permitted,
    trust: grant.clientTrust,
    consent: { state: 'given', scopes: grant.scopes },
  });
  const openid = grant.oidcScopes.includes('openid');
  return { ...authority, openid: openid && (requested.length === 0 || requested.includes('openid')) };
}
