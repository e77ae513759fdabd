import type { FormPage, ScopeLine, When } from './parts.ts';

/** The client as its registration tells it; everything in it but the hosts is the client's own claim. */
export interface ClientLine {
  readonly name: string;
  /** Path of its logo, which we serve. */
  readonly logo: string | undefined;
  /** Host of the metadata document; `undefined` for a client that was registered here. */
  readonly identifierHost: string | undefined;
  /** What vouches for who it is; only `verified` is called so. */
  readonly identity: 'verified' | 'approved' | 'registration_token' | 'unverified';
  /** It chose its name, and no administrator confirmed it: the name stands in quotes. */
  readonly quoted: boolean;
  readonly registration: 'preregistered' | 'dynamic' | 'document';
  readonly firstSeen: When | undefined;
  /** Host of the website that it says it is from. */
  readonly website: string | undefined;
  /** Its website, privacy policy and terms, where they may be links. */
  readonly links: readonly { readonly label: string; readonly href: string }[];
  /** Scheme and authority of the redirect. */
  readonly redirect: string;
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
  /**
   * Preselected. Never for an untrusted client; else what only reads, what was allowed before, and what a step-up
   * asks for, unless it is destructive.
   */
  readonly checked: boolean;
  /** Not part of what this client was allowed last time. */
  readonly isNew: boolean;
  /** Asked for; asked for and in its connections already; or offered beyond what was asked. */
  readonly group: 'asked' | 'held' | 'beyond';
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
  /** The client has some of it already, and asks for more. */
  readonly stepUp: boolean;
  /** The person was asked once to tick what is new: without it, allowing goes on. */
  readonly withoutNew: boolean;
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
  /** Shows the consent page instead. */
  readonly chooseUrl: string;
}

/**
 * `interaction/done`: the answer goes to a program by a private-use scheme, and the browser stays where it is. The
 * answer itself is not on this page, but behind `continueUrl`, which gives it once.
 */
export interface DonePage {
  /** Its name, as it says itself. */
  readonly client: string;
  /** Scheme and authority of the redirect: `cursor://anysphere.cursor-mcp`. */
  readonly redirect: string;
  readonly allowed: boolean;
  readonly continueUrl: string;
  /** The browser goes on without a click. */
  readonly byItself: boolean;
}
