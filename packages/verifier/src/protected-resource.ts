import { wellKnown } from './authorization-server.ts';
import { isScopeToken } from './scopes.ts';

/** An MCP server, described for its metadata. */
export interface ResourceDescription {
  /** The URL that clients type, byte for byte. */
  readonly resource: string;
  readonly issuer: string;
  /** The scopes that the server is of use with; further ones are asked for when a call needs them. */
  readonly scopes: readonly string[];
  /** What a person reads at consent. */
  readonly name?: string;
  readonly documentation?: string;
}

/** The document of RFC 9728 §2. */
export interface ProtectedResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly [string];
  readonly scopes_supported: readonly string[];
  readonly bearer_methods_supported: readonly ['header'];
  readonly resource_name?: string;
  readonly resource_documentation?: string;
}

/**
 * The protected resource metadata (RFC 9728 §2) of an MCP server.
 *
 * `resource` and `authorization_servers` are written exactly as given: clients compare them as
 * strings with what the user typed and with what the authorization server calls itself. Throws
 * `TypeError` for what is no scope of a resource; `offline_access` is a matter between the client
 * and the authorization server.
 */
export function protectedResourceMetadata(description: ResourceDescription): ProtectedResourceMetadata {
  const { resource, issuer, scopes, name, documentation } = description;
  const wrong = scopes.find((scope) => scope === 'offline_access' || !isScopeToken(scope));
  if (wrong !== undefined) throw new TypeError(`${JSON.stringify(wrong)} is not a scope of a resource`);
  return {
    resource,
    authorization_servers: [issuer],
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
    ...(name !== undefined && { resource_name: name }),
    ...(documentation !== undefined && { resource_documentation: documentation }),
  };
}

/** Where the metadata of a resource are, path-inserted (RFC 9728 §3.1): the URL for challenges. */
export function protectedResourceMetadataUrl(resource: string): string {
  return wellKnown(resource, 'oauth-protected-resource');
}
