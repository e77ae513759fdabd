import type { FormPage, ScopeLine, When } from './common.ts';

/** The client as its registration tells it; everything in it but the hosts is the client's own claim. */
export interface ClientLine {
  readonly name: string;
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
  readonly untrusted: boolean;
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
  readonly resource: { readonly name: string; readonly identifier: string };
  readonly user: { readonly name: string; readonly email: string };
  readonly scopes: readonly ScopeLine[];
  readonly notYouUrl: string;
}
