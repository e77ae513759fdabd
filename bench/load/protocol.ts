/** What the load generator, a process of its own, is told and what it answers. */

/** A server under load: where to connect, and under which name it is addressed. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** The Host header, which is the issuer's host where the server insists on it. */
  readonly authority: string;
}

export interface RequestTemplate {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What every answer must be; anything else is a failure, and a benchmark with failures is worth nothing. */
export interface Expectation {
  readonly status: number;
  /** Stands somewhere in the headers or the body. */
  readonly contains?: string;
}

/** Somebody who can sign in with a password and a one-time code. */
export interface Person {
  readonly email: string;
  readonly password: string;
  /** Base32. */
  readonly totpSecret: string;
}

/** What one stretch of load consists of. An operation is one request, unless said otherwise. */
export type Work =
  /** Requests that stand alone, in turn. */
  | {
      readonly kind: 'requests';
      readonly requests: readonly RequestTemplate[];
      readonly expect: Expectation;
    }
  /** Refreshes: each answer's refresh token is the next one's, as many families as there are tokens. */
  | {
      readonly kind: 'refresh';
      readonly path: string;
      readonly form: Readonly<Record<string, string>>;
      readonly tokens: readonly string[];
    }
  /** A sign-in with password and code, from the first page to the session. */
  | { readonly kind: 'sign-in'; readonly people: readonly Person[] }
  /** Of the same sign-in, everything that comes without a password: the three pages and the first form. */
  | { readonly kind: 'pages'; readonly people: readonly Person[] }
  /** From the authorization request over sign-in and consent to tokens. */
  | {
      readonly kind: 'first-login';
      readonly people: readonly Person[];
      readonly clientId: string;
      readonly redirectUri: string;
      readonly resource: string;
      readonly scope: string;
    };

/** Closed: the next operation begins when one ends. Open: operations begin at a fixed rate, whatever the answers do. */
export type Mode =
  | { readonly kind: 'closed'; readonly operations: number; readonly concurrency: number }
  | { readonly kind: 'open'; readonly operations: number; readonly rate: number };

export interface Outcome {
  readonly operations: number;
  readonly failures: number;
  readonly firstFailure: string | undefined;
  readonly seconds: number;
  /** Milliseconds, one for each operation. */
  readonly latencies: Float64Array;
}

export type Command =
  | { readonly type: 'load'; readonly address: Address; readonly work: Work }
  | { readonly type: 'run'; readonly mode: Mode };

export type Reply =
  | { readonly type: 'ready' }
  | { readonly type: 'loaded' }
  | { readonly type: 'ran'; readonly outcome: Outcome };
