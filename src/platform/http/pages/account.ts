import type { ConsentScope } from './interaction.ts';
import type { FormPage, PasskeyEndpoints, ScopeLine, When } from './parts.ts';
import type { TotpSeed } from './sign-in.ts';

/** The frame of every page under /account. */
export interface AccountFrame {
  readonly user: { readonly name: string; readonly email: string };
  readonly links: {
    readonly connections: string;
    readonly security: string;
    readonly signOut: string;
  };
  /** What was just done, in one sentence. */
  readonly notice?: string | undefined;
}

/** One grant: one authorization of a client for one server. */
export interface ConnectionRow {
  readonly resource: { readonly name: string; readonly identifier: string };
  readonly scopes: readonly ScopeLine[];
  readonly since: When;
  readonly lastUsed: When;
  readonly expires: When;
  readonly network: string | undefined;
  /** When its refresh tokens were last repeated from another network than they were used from. */
  readonly replaySuspected: When | undefined;
  /** When it ends by itself unless it is used before, because a newer one has replaced it. */
  readonly endsUnused: When | undefined;
  readonly changeUrl: string;
  readonly endUrl: string;
}

/** The connections of one client to one server from one network: one line, folded if there are several. */
export interface ConnectionFold {
  readonly resource: { readonly name: string; readonly identifier: string };
  readonly network: string | undefined;
  /** Of the one that was used last. */
  readonly lastUsed: When;
  readonly count: number;
  readonly connections: readonly ConnectionRow[];
}

/** A remembered consent: the client is connected again without the whole question. */
export interface ConsentRow {
  readonly resource: { readonly name: string; readonly identifier: string };
  readonly scopes: readonly ScopeLine[];
  readonly since: When;
  readonly expires: When;
  readonly forgetUrl: string;
}

export interface ConnectedClient {
  readonly name: string;
  readonly identifierHost: string | undefined;
  readonly verified: boolean;
  readonly folds: readonly ConnectionFold[];
  readonly consents: readonly ConsentRow[];
  /** Left out where only one connection or consent could end. */
  readonly endAllUrl?: string | undefined;
}

/** `account/connections` */
export interface ConnectionsPage extends AccountFrame {
  /** Factors were added that this person has not confirmed. */
  readonly reviewUrl?: string | undefined;
  readonly clients: readonly ConnectedClient[];
  /** Connections that were ended because a credential of them may have been copied. */
  readonly securityEnds: readonly {
    readonly client: string;
    readonly resource: string;
    readonly reason: string;
    readonly when: When;
  }[];
  /** Left out where there is at most one connection or consent. */
  readonly endAllUrl?: string | undefined;
}

/** A scope that can be ticked: held by the connection, or offered beyond it. */
export interface ScopeBox extends ConsentScope {
  readonly group: 'held' | 'beyond';
}

/** `account/scopes`: posts `scope` once for each ticked box. */
export interface ConnectionScopesPage extends AccountFrame, FormPage {
  readonly client: Pick<ConnectedClient, 'name' | 'identifierHost' | 'verified'>;
  readonly resource: { readonly name: string; readonly identifier: string };
  readonly network: string | undefined;
  readonly since: When;
  readonly held: readonly ScopeBox[];
  readonly beyond: readonly ScopeBox[];
  /** How soon a change has its effect at every server, from `describeRevocationDelay`. */
  readonly delay: string;
  /** The session is too old to add something without another sign-in. */
  readonly signsInAgain: boolean;
  readonly endUrl: string;
  readonly backUrl: string;
}

export interface PasskeyRow {
  readonly name: string;
  /** It is kept by an account of its maker and found on other devices too. */
  readonly backedUp: boolean;
  readonly since: When;
  readonly lastUsed: When | undefined;
  /** Left out where removing it would leave no way in. */
  readonly removeUrl?: string | undefined;
}

export interface SessionRow {
  readonly current: boolean;
  /** "Firefox on Linux" */
  readonly device: string;
  readonly network: string | undefined;
  readonly since: When;
  readonly lastSeen: When;
  readonly endUrl: string;
}

/** `account/security` */
export interface SecurityPage extends AccountFrame {
  /** Factors were added that this person has not confirmed. */
  readonly reviewUrl?: string | undefined;
  readonly passkeys: readonly PasskeyRow[];
  readonly addPasskeyUrl: string;
  /** Password and second factor stand and fall together: a password alone never signs in. */
  readonly password: {
    readonly changedAt: When | undefined;
    readonly changeUrl: string;
    readonly removeUrl?: string | undefined;
  };
  readonly sessions: readonly SessionRow[];
  /** Left out where this is the only one. */
  readonly endOthersUrl?: string | undefined;
}

/** `account/passkey`: registers a passkey by script. Posts nothing without it. */
export interface AddPasskeyPage extends AccountFrame, FormPage {
  readonly passkey: PasskeyEndpoints;
  readonly backUrl: string;
}

/** `account/password`: posts `password` and `code`, both new. */
export interface ChangePasswordPage extends AccountFrame, FormPage {
  readonly totp: TotpSeed;
  readonly backUrl: string;
}

/** `account/confirm`: what will stop working, and one button. Used for everything that ends or removes something. */
export interface ConfirmPage extends FormPage {
  readonly title: string;
  /** What it means, one sentence a paragraph. */
  readonly consequences: readonly string[];
  /** A verb: "End connection". */
  readonly button: string;
  readonly backUrl: string;
}
