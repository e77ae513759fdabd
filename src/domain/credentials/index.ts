/**
 * Credentials: what a person proves themselves with, and the attempt to do so that is under way.
 *
 *     attempt ──▶ password ──▶ code    ─┐
 *        └──────▶ passkey (challenge) ──┴──▶ Authentication ──▶ a session (domain/sessions)
 *
 * Passwords are argon2id and never enough alone; seeds of one-time codes are sealed and each code is
 * accepted once; a passkey with user verification is two factors. What was proven half-way stands in
 * the attempt's row, never in the browser. Single use (of a code, a challenge, an attempt) is decided
 * by the row count of one statement.
 *
 * Does not own: who a person is (`domain/users`), the session (`domain/sessions`), pages (`sign-in`).
 *
 * @see https://www.rfc-editor.org/rfc/rfc6238 one-time codes
 * @see https://www.w3.org/TR/webauthn-3/#sctn-rp-operations ceremonies
 */

export { type Attempt, type AttemptPurpose, type Attempts, createAttempts } from './attempts.ts';
export { type Authentication, byPasskey, byPasswordAndCode } from './authentication.ts';
export type { Browser } from './browser.ts';
export { countCodeGuess, uncountCodeGuess } from './code-guesses.ts';
export { describeDevice } from './device.ts';
export { FieldRefused, type PasskeyRefusal, PasskeyRefused } from './errors.ts';
export {
  type FactorState,
  factorsByUser,
  factorsOf,
  isEnough,
  removeEveryFactor,
} from './factors-of.ts';
export { forgetEveryAttempt } from './forget-attempts.ts';
export {
  acknowledgeNotices,
  addNotice,
  type Notice,
  type NoticeReader,
  pendingNotices,
} from './notices.ts';
export type { NewPasskey } from './passkey-store.ts';
export { createPasskeys, type PasskeyInfo, type PasskeyOwner, type Passkeys } from './passkeys.ts';
export { createPasswords, type Passwords } from './passwords.ts';
export { createTotps, type TotpProposal, type Totps } from './totp.ts';
