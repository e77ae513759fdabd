/**
 * The one base for every refusal this server makes on purpose.
 *
 * `code` is stable and is what callers branch on. `message` is for our logs and for an
 * administrator's terminal and never crosses the wire: each door maps `code` to the vocabulary
 * of the protocol that it speaks.
 */
export abstract class DomainError extends Error {
  abstract readonly code: ErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Every code, in one closed list: adding one fails to compile until each door maps it. */
export type ErrorCode =
  | 'already_exists'
  | 'not_found'
  | 'invalid_input'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_target'
  | 'redirect_uri_refused'
  | 'throttled'
  | 'not_authenticated'
  | 'store_unavailable';

/** Something of that name exists already. */
export class AlreadyExists extends DomainError {
  readonly code = 'already_exists';
}

/** Nothing of that name exists here, or not for you. */
export class NotFound extends DomainError {
  readonly code = 'not_found';
}

/** What was given cannot be accepted; `message` says why and how to mend it. */
export class InvalidInput extends DomainError {
  readonly code = 'invalid_input';
}
