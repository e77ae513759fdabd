/** What happened, whose fault it probably is, what to do next. */
export interface ErrorWords {
  readonly title: string;
  readonly explanation: string;
  /** What to do now. */
  readonly advice: string;
}

/** `error` */
export interface ErrorPage extends ErrorWords {
  /** The address of the program that it is about. */
  readonly subject?: string | undefined;
  /** The next step, where there is one. */
  readonly action?: { readonly href: string; readonly label: string } | undefined;
  /** For whoever helps: it finds the line in the log. */
  readonly requestId: string;
  /** What whoever runs the server can type to learn more. */
  readonly forOperator?: string | undefined;
  /** How to do that, in each program that it may be. */
  readonly remedies?:
    | readonly { readonly program: string; readonly steps: string; readonly command?: string }[]
    | undefined;
  /** The code that a developer searches for, for example `invalid_client`. */
  readonly code?: string | undefined;
}
