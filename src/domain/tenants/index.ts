/**
 * Tenants: the organizations inside the one issuer, their roles and who holds them.
 *
 * Every installation begins with one tenant, `default`. Its role `member` is permitted every scope of each resource that
 * is added, unless the administrator says otherwise; its role `admin` permits administration and nothing else. What a role permits
 * is read by `domain/authority`; here it is only kept.
 *
 * Does not own: people (`domain/users`) or what effective authority follows from a role (`domain/authority`).
 */

export { administersAlone, lockTenantsOf } from './last-administrator.ts';
export { addMembership, hasAdministrator, isAdministrator, rolesOf } from './membership.ts';
export { forbidMembers, permitMembers } from './permits.ts';
export {
  allRolesOf,
  type RolesIn,
  rolesByUser,
  setRoles,
  withMember,
} from './roles.ts';
export { findTenant, lockTenant, seedDefaultTenant } from './tenant.ts';
