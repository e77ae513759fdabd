/**
 * Keys: what this installation signs with, and the secrets that its processes share.
 *
 * Owns the data keys that everything in the store is sealed with, the signing keys (made, published, rotated), the
 * signing and verifying of our own JWTs, and versioned server secrets, for example the one that refresh tokens are
 * derived with.
 *
 *     master key ──seals──▶ data keys, one for each purpose ──seal, authenticate──▶ signing keys, secrets, seeds
 *
 *     rotate ──▶ next ──JWKS lifetime + skew──▶ current ──next one──▶ retired ──token lifetime + skew──▶ gone
 *                                    compromised: any of them ──▶ revoked
 *
 * A key is published before it signs for as long as a verifier may keep the JWKS, and afterwards for as long
 * as its tokens live, so a rotation refuses no token. The times stand in the rows and are judged by the
 * database, so all processes agree.
 *
 * Does not own: what a token says (`tokens`), clients' keys (`clients`), or the master key (`platform/crypto`).
 *
 * @see https://www.rfc-editor.org/rfc/rfc7517 JSON Web Key
 * @see https://www.rfc-editor.org/rfc/rfc7638 JWK Thumbprint
 */

export type { DataKeys } from './data-keys.ts';
export type { KeyInfo, KeyState, PublicJwk, SigningAlgorithm } from './key.ts';
export { authenticateKey } from './key-mac.ts';
export { type CurrentKey, createKeys, type Keys, type KeysDeps } from './keys.ts';
export { MasterKeyRefused } from './master-key-refused.ts';
export { findDataKeys, openDataKeys, openDataKeysWithin, proveMasterKey } from './open-data-keys.ts';
export { oldestSecretVersion } from './replace-secret.ts';
export { rotateMasterKey } from './rotate-master.ts';
export type { EmergencyRotation } from './rotation.ts';
export { runOn } from './run.ts';
export { totpPlace } from './sealed-places.ts';
export {
  createServerSecrets,
  type SecretPurpose,
  type ServerSecret,
  type VersionedSecret,
} from './secrets.ts';
export type { KeyInTurn } from './transitions.ts';
export { revokeEveryKey } from './whole-store.ts';
