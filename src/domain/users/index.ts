/**
 * Users: people, who are the base of all delegation, and the set-up that makes the first of them.
 *
 * A person is known by a `usr_` id; the e-mail address is what they sign in with, in lower case, and
 * never an identity to link by. Disabling ends every session and every grant in one transaction.
 *
 * Does not own: what they prove themselves with (`domain/credentials`), their sessions
 * (`domain/sessions`), their roles (`domain/tenants`), or what they allowed to whom (`domain/grants`).
 */

export { createSetup, type Setup, type SetupIdentity } from './setup.ts';
export { normalizeEmail, type User } from './user.ts';
export { type AddedUser, createUsers, type EndAllOf, type NewUser, type Users } from './users.ts';
