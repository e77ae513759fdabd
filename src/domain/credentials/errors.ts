import { DomainError, InvalidInput } from '../../kernel/errors.ts';

/** What a person typed into one field will not do; a door has a sentence for each field. */
export class FieldRefused extends InvalidInput {
  readonly field: 'email' | 'name' | 'password' | 'code';

  constructor(field: FieldRefused['field'], message: string) {
    super(message);
    this.field = field;
  }
}

/** Too many passwords wait to be hashed; nothing was looked at, and the caller may come back. */
export class HashingBusy extends DomainError {
  readonly code = 'throttled';
  /** Whole seconds. */
  readonly retryAfter = 2;

  constructor() {
    super('too many passwords are being hashed at this moment');
  }
}

/** Why a WebAuthn response was refused, for the audit trail. */
export type PasskeyRefusal =
  | 'malformed_response'
  | 'challenge_unknown'
  | 'unknown_passkey'
  | 'foreign_user_handle'
  | 'verification_failed'
  | 'counter_regressed';

/** A WebAuthn ceremony did not hold (WebAuthn Level 3 §7). The person is told only that it did not work. */
export class PasskeyRefused extends DomainError {
  readonly code = 'not_authenticated';
  readonly reason: PasskeyRefusal;
  /** Whose passkey was named, where one was found. */
  readonly userId: string | undefined;
  readonly passkeyId: string | undefined;

  constructor(
    reason: PasskeyRefusal,
    about: { readonly userId?: string; readonly passkeyId?: string; readonly cause?: unknown } = {},
  ) {
    super(`the passkey was refused: ${reason}`, { cause: about.cause });
    this.reason = reason;
    this.userId = about.userId;
    this.passkeyId = about.passkeyId;
  }
}
