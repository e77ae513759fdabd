import type { FormPage, ScopeLine, When } from './common.ts';

/** The client as its registration tells it; everything in it but the hosts is the client's own claim. */
export interface ClientLine {
  readonly name: string;
  /** Path of its logo, which we serve. */
  readonly logo: string | undefined;
  /** Host of the metadata document; `undefined` for a client that was registered here. */
  readonly identifierHost: string | undefined;
  /** Somebody of this installation vouched for it, or its document is on the allowlist. */
  readonly verified: boolean;
  readonly registration: 'preregistered' | 'dynamic' | 'document';
  readonly firstSeen: When | undefined;
  /** Host and port, or the scheme of a private-use redirect. */
  readonly redirectHost: string;
  readonly redirectIsLoopback: boolean;
  readonly redirectIsPrivateUse: boolean;
  /** Every redirect that it registered leads to a program on the person's device: nothing shows which program that is. */
  readonly localOnly: boolean;
  readonly untrusted: boolean;
}

/** What is not as it was when this program was last allowed something. Each side may be empty. */
export interface ChangeLine {
  readonly label: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface ToolLine {
  readonly name: string;
  readonly title: string;
  readonly effect: 'read' | 'write' | 'destructive';
}

export interface ConsentScope extends ScopeLine {
  readonly tools: readonly ToolLine[];
  /** Preselected. Never true for what reaches further than reading, unless it was granted before. */
  readonly checked: boolean;
  /** Not part of what this client was allowed last time. */
  readonly isNew: boolean;
  readonly alreadyGranted: boolean;
}

/** `interaction/consent`: what one program may do, for whom, where, until when. */
export interface ConsentPage extends FormPage {
  readonly client: ClientLine;
  /** Of a client with a metadata document: the version that this page is about. */
  readonly clientVersion: string | undefined;
  readonly changes: readonly ChangeLine[];
  readonly resource: { readonly name: string; readonly identifier: string };
  readonly user: { readonly name: string; readonly email: string };
  readonly scopes: readonly ConsentScope[];
  /** A refresh token: how long the connection lasts without use, and at most. Whole days. */
  readonly stayConnected: {
    readonly offered: boolean;
    readonly idleDays: number;
    readonly absoluteDays: number;
  };
  readonly notYouUrl: string;
}

/** `interaction/continue`: what was allowed before is still allowed, and one click says that this is really you. */
export interface ContinuePage extends FormPage {
  readonly client: ClientLine;
  readonly clientVersion: string | undefined;
  readonly resource: { readonly name: string; readonly identifier: string };
  readonly user: { readonly name: string; readonly email: string };
  readonly scopes: readonly ScopeLine[];
  readonly notYouUrl: string;
}

/**
 * `interaction/done`: the answer goes to a program by a private-use scheme, and the browser stays where it is. The
 * answer itself is not on this page, but behind `continueUrl`, which gives it once.
 */
export interface DonePage {
  /** Its name, as it says itself. */
  readonly client: string;
  /** `cursor:` */
  readonly scheme: string;
  readonly allowed: boolean;
  readonly continueUrl: string;
  /** The browser goes on without a click. */
  readonly byItself: boolean;
}
