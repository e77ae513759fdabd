/**
 * Users: people, who are the base of all delegation, and the set-up that makes the first of them.
 *
 * A person is known by a `usr_` id; the e-mail address is what they sign in with, in lower case, and
 * never an identity to link by. Disabling, resetting and removing a person end every session and every
 * grant in one transaction, and never leave a tenant without an administrator unless forced.
 *
 * Does not own: what they prove themselves with (`domain/credentials`), their sessions
 * (`domain/sessions`), their roles (`domain/tenants`), or what they allowed to whom (`domain/grants`).
 */

export type { Ended, ResetUser, UserAdministration } from './administer.ts';
export type { EndAllOf, EndOfUser } from './deps.ts';
export { createEnrolment, type Enrolment, type LinkOwner, LinkRefused } from './enrolment.ts';
export type { SignInLink } from './link-url.ts';
export { createSetup, type Setup, type SetupIdentity } from './setup.ts';
export { normalizeEmail, type User } from './user.ts';
export { type AddedUser, createUsers, type ListedUser, type NewUser, type Users } from './users.ts';
