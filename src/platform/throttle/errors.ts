import { DomainError } from '../../kernel/errors.ts';

/** Too often, too fast. Nothing was evaluated. */
export class Throttled extends DomainError {
  readonly code = 'throttled';
  /** Whole seconds. */
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super(`throttled for ${retryAfter} s`);
    this.retryAfter = retryAfter;
  }
}
