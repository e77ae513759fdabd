/**
 * Authority: what may this chain of identities do?
 *
 *     requested ∩ offered ∩ roles ∩ client's trust ∩ consent  =  effective
 *
 * Owns the one pure function that answers, with the reason for every scope that fell out.
 * Reading the facts and recording the answer belong to the callers.
 */

export {
  type AuthorityFacts,
  type DropReason,
  type EffectiveAuthority,
  effectiveAuthority,
  type TrustLevel,
} from './effective.ts';
