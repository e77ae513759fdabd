import type { ErrorWords } from './pages.ts';

/**
 * A request that the HTTP layer itself refuses. Unlike a DomainError, `description` is written for
 * the wire: a constant sentence that never repeats what was sent.
 */
export class HttpError extends Error {
  readonly status: number;
  /** The word of RFC 6749 §5.2 or its extensions. */
  readonly code: string;
  readonly description: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What a person reads, where more is known than the status says. */
  readonly words: ErrorWords | undefined;

  constructor(
    status: number,
    code: string,
    description: string,
    headers: Readonly<Record<string, string>> = {},
    words?: ErrorWords,
  ) {
    super(`${status} ${code}: ${description}`);
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.description = description;
    this.headers = headers;
    this.words = words;
  }
}

/** A form that did not come from the page that we showed to this browser. Nothing was done. */
export class FormForged extends HttpError {
  /** For the log: which of the checks failed. */
  readonly reason: 'token' | 'origin' | 'fetch_site';

  constructor(reason: FormForged['reason']) {
    super(403, 'access_denied', 'the form did not come from our page in this browser');
    this.reason = reason;
  }
}
