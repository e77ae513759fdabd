/**
 * What only the store knows, as far as the doctor asks. It reads and changes nothing; whoever starts the
 * doctor beside the server passes it in.
 */
export interface StoreFacts {
  readonly metadataDocuments: string;
  readonly dynamicRegistration: string;
  /** Seconds that an access token lives. */
  readonly accessTokenLifetime: number;
  /** Identifier for requests that name no resource. */
  readonly defaultResource: string | undefined;
  readonly resources: readonly {
    readonly identifier: string;
    readonly scopes: readonly string[];
    readonly defaultScopes: readonly string[];
  }[];
  /** Of the keys that are published. */
  readonly keyIds: readonly string[];
  /** Why the current signing key cannot be used; absent while it can. */
  readonly keyFault?: string;
  /** Of clients that were switched on by name and are registered here: the client_id, by that name. */
  readonly registered: ReadonlyMap<string, string>;
  /** The database's time. */
  clock(): Promise<Date>;
  /** What the trail says of the request with this id, if it was refused. */
  refusal(requestId: string): Promise<Refusal | undefined>;
  /** Whether a client that is named by this URL would be let in, and if not, why. */
  admits(
    url: string,
  ): Promise<{ readonly allowed: true } | { readonly allowed: false; readonly reason: string }>;
}

export interface Refusal {
  readonly reason: string;
  /** What exactly, where the reason is a kind of fault. */
  readonly why?: string;
  /** The caller's address, as the server saw it. */
  readonly network?: string;
}
