/** `error`: what happened, whose fault it probably is, what to do next. */
export interface ErrorPage {
  readonly title: string;
  readonly explanation: string;
  /** What to do now. */
  readonly advice: string;
  /** For whoever helps: it finds the line in the log. */
  readonly requestId: string;
  /** The code that a developer searches for, for example `invalid_client`. */
  readonly code?: string | undefined;
}
