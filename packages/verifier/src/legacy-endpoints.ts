import { type Answer, corsHeaders, methodNotAllowed, preflight, refusal, unavailable } from './answer.ts';
import { type AuthorizationServerMetadata, isProtected } from './authorization-server.ts';
import type { Verifier } from './verifier.ts';

/** A request as far as it matters here; `query` without its question mark. */
export interface LegacyRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly requestedHeaders: string | undefined;
}

/** Answers a request for an endpoint that old clients assume here; undefined for any other path. */
export type LegacyEndpoints = (request: LegacyRequest) => Promise<Answer | undefined>;

/** Where clients of revision 2025-03-26 look for an authorization server without metadata, and what is meant. */
const ENDPOINTS = new Map([
  ['/authorize', 'authorization_endpoint'],
  ['/token', 'token_endpoint'],
  ['/register', 'registration_endpoint'],
]);

/**
 * Sends clients of revision 2025-03-26, for which an MCP server is its own authorization server, to the
 * real one.
 *
 * Redirects, and never passes a request on: codes, refresh tokens and client secrets are no business of
 * an MCP server, and a client that follows a 307 hands them to the authorization server itself. Such
 * clients do not say for which server they want a token (RFC 8707), so at the authorization endpoint it
 * is said for them.
 */
export function createLegacyEndpoints(verifier: Verifier): LegacyEndpoints {
  return async ({ method, path, query, requestedHeaders }) => {
    const name = ENDPOINTS.get(path);
    if (name === undefined) return undefined;
    const browser = path === '/authorize';
    if (method === 'OPTIONS') return preflight(requestedHeaders);
    if (method !== (browser ? 'GET' : 'POST'))
      return methodNotAllowed(browser ? 'GET, OPTIONS' : 'POST, OPTIONS');
    const metadata = await verifier.metadata().catch(() => undefined);
    if (metadata === undefined) {
      return unavailable('The metadata of the authorization server cannot be had at the moment');
    }
    const endpoint = endpointOf(metadata, name);
    if (endpoint === undefined)
      return refusal(404, 'not_found', 'The authorization server does not offer this');
    return browser
      ? redirect(302, withQuery(endpoint, query, verifier.resource))
      : redirect(307, withQuery(endpoint, query));
  };
}

/**
 * The metadata as such a client should read them: it asks for authorization here first, where it is said
 * for which server. Everything else is the authorization server's own.
 */
export function legacyMetadata(metadata: AuthorizationServerMetadata, resource: string): object {
  return { ...metadata, authorization_endpoint: `${new URL(resource).origin}/authorize` };
}

function endpointOf(metadata: AuthorizationServerMetadata, name: string): string | undefined {
  const value = metadata[name];
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  return isProtected(new URL(value)) ? value : undefined;
}

/** The query byte for byte, and the resource if it names none. */
function withQuery(endpoint: string, query: string, resource?: string): string {
  const named = resource === undefined || new URLSearchParams(query).has('resource');
  const parts = [query, named ? '' : `resource=${encodeURIComponent(resource)}`].filter(
    (part) => part !== '',
  );
  if (parts.length === 0) return endpoint;
  return `${endpoint}${endpoint.includes('?') ? '&' : '?'}${parts.join('&')}`;
}

/** RFC 9110 §15.4.3 and §15.4.8: 307 keeps method and body. */
function redirect(status: 302 | 307, location: string): Answer {
  return {
    status,
    headers: { ...corsHeaders, location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' },
  };
}
