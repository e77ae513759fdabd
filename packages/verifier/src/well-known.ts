import { type Answer, corsHeaders, methodNotAllowed, preflight, unavailable } from './answer.ts';
import { legacyMetadata } from './legacy-endpoints.ts';
import {
  type ProtectedResourceMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
  type ResourceDescription,
} from './protected-resource.ts';
import type { Verifier } from './verifier.ts';

interface Deps {
  readonly verifier: Verifier;
  readonly description: Omit<ResourceDescription, 'issuer' | 'resource'>;
  /** Whether the metadata are served at the root of the origin too. */
  readonly root: boolean;
  /** Whether old clients are sent on from here. */
  readonly legacy: boolean;
}

/** Answers a request for a discovery document; undefined for any other path. */
export type WellKnown = (
  method: string,
  path: string,
  requestedHeaders: string | undefined,
) => Promise<Answer | undefined>;

/**
 * Serves what clients look for before they have a token.
 *
 * The protected resource metadata stand at the path-inserted address and at the root, for clients
 * that ignore the challenge. The metadata of the authorization server are passed through as they are,
 * for clients of revision 2025-03-26 that take the MCP server for its own authorization server.
 */
export function createWellKnown({ verifier, description, root, legacy }: Deps): WellKnown {
  const { issuer, resource } = verifier;
  const metadata: ProtectedResourceMetadata = protectedResourceMetadata({ ...description, issuer, resource });
  const own = new Set([new URL(protectedResourceMetadataUrl(resource)).pathname]);
  if (root) own.add('/.well-known/oauth-protected-resource');

  async function authorizationServer(): Promise<Answer> {
    try {
      const published = await verifier.metadata();
      return document(legacy ? legacyMetadata(published, resource) : published);
    } catch {
      return unavailable('The metadata of the authorization server cannot be had at the moment');
    }
  }

  return async (method, requested, requestedHeaders) => {
    const path = requested.replace(/(?<=.)\/$/, '');
    const foreign = path === '/.well-known/oauth-authorization-server';
    if (!foreign && !own.has(path)) return undefined;
    if (method === 'OPTIONS') return preflight(requestedHeaders);
    if (method !== 'GET' && method !== 'HEAD') return methodNotAllowed('GET, HEAD, OPTIONS');
    return foreign ? authorizationServer() : document(metadata);
  };
}

function document(json: unknown): Answer {
  return { status: 200, headers: { ...corsHeaders, 'cache-control': 'public, max-age=300' }, json };
}
