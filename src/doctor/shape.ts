/**
 * How one MCP client behaves towards an authorization server, as far as a server can tell or be told.
 * Nothing here is code: what a client does is written down once, in `shapes/`, and read by `replay/`.
 */
export interface ClientShape {
  /** As `--client` takes it. */
  readonly id: string;
  /** As its makers call it. */
  readonly name: string;
  /** What of it this is, as it stands behind the name: a version, or `of` and a time for what has none. */
  readonly version: string;
  /** Whether `gatehouse client catalogue` knows it, by the same id. */
  readonly catalogued: boolean;
  /** Where its requests come from. What runs on the internet reaches no loopback address and no private certificate. */
  readonly from: 'internet' | 'machine' | 'browser';
  readonly discovery: DiscoveryHabit;
  /** How the metadata's `issuer` has to equal the address that they were asked for (RFC 8414 §3.3). */
  readonly issuer: IssuerRule;
  /** What `code_challenge_methods_supported` has to say. */
  readonly pkce: 'must_list_s256' | 'must_not_leave_out_s256';
  /** Whether an announced `iss` has to come back with the answer (RFC 9207 §2.4). */
  readonly iss: 'compared' | 'ignored';
  /** Codex: without an announced `iss` the authorization endpoint must be at the issuer's own origin. */
  readonly endpoints?: 'at_issuer_unless_iss';
  /** Ways to become known, the preferred one first. */
  readonly registration: readonly Registration[];
  /** What it sends as `redirect_uri`, with a port where it has one. */
  readonly redirectUri: string;
  readonly scope: ScopeHabit;
  readonly resource: ResourceHabit;
  /** Where this was seen, and when. */
  readonly seen: string;
}

/** How far a connection gets. */
export type Stage = 'resource' | 'discovery' | 'registration' | 'authorization' | 'token';

export type IssuerRule =
  /** Byte for byte. */
  | 'same_text'
  /** The same, but the address that was asked for may have a slash too many. */
  | 'same_text_or_slash_asked'
  /** Two spellings of one URL are the same; so are `https://a` and `https://a/`. */
  | 'same_url'
  | 'not_compared';

/** Where the metadata are looked for; RFC 8414 §3.1 and OpenID Connect Discovery §4. */
export type Form =
  | 'oauth_inserted'
  | 'openid_inserted'
  | 'openid_appended'
  /** Without the issuer's path. */
  | 'oauth_root'
  | 'openid_root';

export interface DiscoveryHabit {
  /** In the order in which they are tried. */
  readonly forms: readonly Form[];
  /** After a 5xx; every client goes on after a 4xx. */
  readonly afterServerError: 'goes_on' | 'goes_on_after_502' | 'stops';
  /** After a 200 that is not JSON. */
  readonly afterNonsense: 'goes_on' | 'stops';
  readonly redirects: 'within_origin' | 'within_origin_or_stops' | 'anywhere';
  readonly headers: Readonly<Record<string, string>>;
}

export type Registration =
  | {
      readonly kind: 'document';
      /** The client_id. `*` stands for what differs from one connection to the next, `*!name` for all but that. */
      readonly url: string;
      /** What it sends as `redirect_uri` when it comes by this document, where that is not what it sends else. */
      readonly redirectUri?: string;
      /** Only where the server takes `none`, which is what the document says. */
      readonly needsNone?: true;
      /** Only where the server announces that it names itself in its answers (RFC 9207). */
      readonly needsIss?: true;
      /** How it proves itself at the token endpoint, where the doctor has no key of it. */
      readonly authenticates?: 'private_key_jwt';
    }
  | { readonly kind: 'dynamic'; readonly body: Readonly<Record<string, unknown>> };

export interface ScopeHabit {
  /** Of the MCP server's challenge or metadata, or of the authorization server's metadata. */
  readonly from: 'resource' | 'server';
  /** Adds `offline_access` where the server announces it. */
  readonly offline?: true;
}

export interface ResourceHabit {
  /** How `resource` of the protected resource metadata has to equal what the person typed (RFC 9728 §3.3). */
  readonly equality: 'same_text' | 'same_url' | 'same_origin_and_path_below' | 'not_compared';
  /** Stops without a `WWW-Authenticate` challenge, wherever the metadata are. */
  readonly needsChallenge?: true;
}
