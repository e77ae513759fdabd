/**
 * Authority: what may this chain of identities do?
 *
 *     requested ∩ offered ∩ roles ∩ client's trust ∩ consent  =  effective
 *
 * Owns the one pure function that answers, with the reason for every scope that fell out, and the
 * trust levels with what each of them permits. Reading the facts and recording the answer belong to
 * the callers; who has which level, to `clients` and `admission`.
 */

export { authorityAt, scopesBeyond } from './at-resource.ts';
export {
  type AuthorityFacts,
  type DropReason,
  type EffectiveAuthority,
  effectiveAuthority,
} from './effective.ts';
export { levelOf, TRUST_LEVELS, type TrustLevel } from './levels.ts';
