/** An MCP server: what tokens are issued for. */
export interface Resource {
  /** `res_…` */
  readonly id: string;
  readonly tenantId: string;
  /** Canonical, as `canonicalizeResource` writes it; the `aud` of its tokens (RFC 8707 §2). */
  readonly identifier: string;
  readonly name: string;
  /** What a request without `scope` asks for (RFC 6749 §3.3). A subset of `scopes`, without destructive ones. */
  readonly defaultScopes: readonly string[];
  readonly scopes: readonly ResourceScope[];
  readonly tools: readonly ResourceTool[];
  /** Whether a client that nobody vouches for may have anything here. */
  readonly admitsStrangers: boolean;
  /** With a secret the resource may introspect the tokens issued for itself (RFC 7662 §2.1). */
  readonly hasSecret: boolean;
}

export interface ResourceScope {
  /** scope-token, RFC 6749 §3.3. */
  readonly scope: string;
  /** One sentence for the person who consents. */
  readonly description: string;
  /**
   * Deletes or overwrites what cannot be restored: confirmed one by one, and never granted to untrusted clients.
   * Read from a resource: flagged so, or needed by a destructive tool. Given to one: the flag alone.
   */
  readonly destructive: boolean;
}

export const TOOL_EFFECTS = ['read', 'write', 'destructive'] as const;
export type ToolEffect = (typeof TOOL_EFFECTS)[number];

/** One entry of the tool catalogue. */
export interface ResourceTool {
  readonly name: string;
  readonly title: string;
  /** All of them are needed to call it. */
  readonly scopes: readonly string[];
  readonly effect: ToolEffect;
}
