/** A moment as a person reads it: `words` in the text, `date` on hover, `iso` for machines. Made by `describeWhen`. */
export interface When {
  readonly iso: string;
  /** "21 November 2026, 01:36 UTC" */
  readonly date: string;
  /** "in 14 days", "3 hours ago" */
  readonly words: string;
}

/** Every page that sends a form back. */
export interface FormPage {
  /** From `forms.token(ctx)`; travels as the hidden input `csrf`. */
  readonly csrf: string;
  /** Path that the form is posted to, base path included. */
  readonly action: string;
  /** One sentence under the field, or above the form where no field is to blame. */
  readonly error?: string | undefined;
}

/** Where the script of a page sends the two halves of a WebAuthn ceremony (JSON, see views/assets/passkey.js). */
export interface PasskeyEndpoints {
  /** POST, answers the options as JSON. */
  readonly optionsUrl: string;
  /** POST of `{ response }`, answers `{ location }` or `{ error, error_description }`. */
  readonly verifyUrl: string;
}

/** Who is asking and for which server, shown above every step of a sign-in that a client began. */
export interface Purpose {
  readonly client: string;
  /** Of a client that chose its name itself: the host of its document, or where it would send the browser. */
  readonly unverified?: { readonly host: string } | undefined;
  readonly resource: string;
}

/** One permission: the sentence that a person reads, and the word that a program uses. */
export interface ScopeLine {
  readonly scope: string;
  readonly sentence: string;
  readonly destructive: boolean;
}
