import {
  type Answer,
  challenged,
  corsHeaders,
  methodNotAllowed,
  preflight,
  refusal,
  unavailable,
} from './answer.ts';
import type { Challenge } from './challenge.ts';
import { readCredentials } from './credentials.ts';
import { createPathCheck } from './guarded-path.ts';
import type { JsonBody } from './json-body.ts';
import { checkOptionNames } from './known-options.ts';
import { createLegacyEndpoints } from './legacy-endpoints.ts';
import { createMessageReader, type MessageFault } from './messages.ts';
import type { MethodScopes } from './methods.ts';
import { createOriginCheck } from './origins.ts';
import { protectedResourceMetadataUrl } from './protected-resource.ts';
import { requireScopes, type ScopeHierarchy } from './scopes.ts';
import type { VerifiedToken } from './token.ts';
import { describe, TokenError } from './token-error.ts';
import type { CatalogueTool } from './tools.ts';
import type { Verifier } from './verifier.ts';
import { createWellKnown } from './well-known.ts';

/** How one MCP server is guarded, whatever framework it runs in. */
export interface GuardOptions {
  readonly verifier: Verifier;
  /** The scopes that every request takes, and that a client without a token is told to request. */
  readonly scopes: readonly string[];
  /** What a person reads at consent. */
  readonly name?: string;
  readonly documentation?: string;
  /**
   * The tool catalogue: a call takes the scopes of its tool too, and a tool that is not in it is unknown.
   * Required unless `allowUncatalogued`; a server without tools has `[]`.
   */
  readonly tools?: readonly CatalogueTool[];
  /** True to let calls of tools that are not in the catalogue pass with `scopes` alone. */
  readonly allowUncatalogued?: boolean;
  /**
   * Scopes that methods take beside `scopes`: `{ 'resources/read': ['notes:read'] }`. Also allows the methods of
   * extensions, which are refused otherwise.
   */
  readonly methods?: MethodScopes;
  readonly hierarchy?: ScopeHierarchy;
  /** Origins of web pages that may call, beside the server's own and those on this machine. */
  readonly allowedOrigins?: readonly string[];
  /** Guards this path and what is below it, and lets the rest pass; everything when left out. */
  readonly path?: string;
  /** False for one of several MCP servers on an origin, where the root can describe none of them. */
  readonly rootMetadata?: boolean;
  /**
   * True to send clients of revision 2025-03-26 on from `/authorize`, `/token` and `/register` at this origin, which
   * must then be the application's own paths no more. For the only MCP server of its origin.
   */
  readonly legacyEndpoints?: boolean;
  /** Bytes of a request body, 4 MiB by default. */
  readonly maxBodySize?: number;
}

/** What the guard asks of a request. */
export interface GuardRequest {
  readonly method: string;
  /** Path and query as they were received. */
  readonly target: string;
  readonly authorization: readonly string[];
  header(name: 'origin' | 'access-control-request-headers'): string | undefined;
  readBody(limit: number): Promise<JsonBody>;
}

/** A request that may reach the MCP server. */
export interface Admission {
  readonly kind: 'admit';
  readonly token: VerifiedToken;
  readonly accessToken: string;
  /** The body of a POST. */
  readonly body: (JsonBody & { readonly kind: 'json' }) | undefined;
  /** Milliseconds after which an event stream that answers the request ends. */
  readonly remaining: number;
  /** For the answer, whatever it will be. */
  readonly headers: Readonly<Record<string, string>>;
}

export type Verdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | Admission;

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Of the Streamable HTTP transport, with HEAD as GET. */
const SERVED_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']);

const OPTION_NAMES = [
  'verifier',
  'scopes',
  'name',
  'documentation',
  'tools',
  'allowUncatalogued',
  'methods',
  'hierarchy',
  'allowedOrigins',
  'path',
  'rootMetadata',
  'legacyEndpoints',
  'maxBodySize',
] as const satisfies readonly (keyof GuardOptions)[];

/**
 * Creates the guard of one MCP server, which decides for each request what to answer, or who may pass.
 *
 * Closed by default: every request takes `scopes`, and only methods and tools that have a rule pass. Decides by the body and never by the `Mcp-Method` and `Mcp-Name` headers, which a client could
 * write differently.
 *
 * @throws TypeError for options that do not exist or could not work.
 */
export function createGuard(options: GuardOptions): (request: GuardRequest) => Promise<Verdict> {
  const { verifier, scopes, hierarchy, maxBodySize = MAX_BODY_BYTES, allowUncatalogued = false } = options;
  checkOptionNames('The guard', options, { known: OPTION_NAMES, required: ['verifier', 'scopes'] });
  if (options.tools === undefined && !allowUncatalogued) {
    throw new TypeError(
      'The guard needs the tool catalogue: tools: [{ name, scopes }], [] for a server without tools, or ' +
        'allowUncatalogued: true where the server checks the scopes of its tools itself',
    );
  }
  const resourceMetadata = protectedResourceMetadataUrl(verifier.resource);
  const legacy = options.legacyEndpoints ?? false;
  const root = options.rootMetadata ?? true;
  if (legacy && !root) throw new TypeError('legacyEndpoints is for the only MCP server of its origin');
  const wellKnown = createWellKnown({ verifier, description: options, root, legacy });
  const legacyEndpoints = legacy ? createLegacyEndpoints(verifier) : undefined;
  const isGuarded = createPathCheck(options.path);
  const isAllowedOrigin = createOriginCheck(verifier.resource, options.allowedOrigins ?? []);
  const demandsOf = createMessageReader({
    tools: options.tools ?? [],
    methods: options.methods ?? {},
    allowUncatalogued,
  });

  function challengedWith(status: 400 | 401 | 403, description: string, terms: Challenge): Verdict {
    return answer(challenged(status, description, { resourceMetadata, ...terms }));
  }

  function refuseToken(error: unknown): Verdict {
    if (!(error instanceof TokenError)) throw error;
    const description = describe(error.code);
    if (error.code === 'jwks_unavailable') return answer(unavailable(description));
    return challengedWith(401, description, { error: 'invalid_token', description, scope: scopes });
  }

  /** Returns the refusal of a token that lacks one of the scopes, or undefined. */
  function refuseScopes(token: VerifiedToken, needed: readonly string[]): Verdict | undefined {
    const decision = requireScopes(token, needed, hierarchy);
    if (decision.allowed) return undefined;
    const description = `This takes the scope ${decision.missing.join(' ')}`;
    return challengedWith(403, description, {
      error: 'insufficient_scope',
      description,
      scope: decision.challenge,
    });
  }

  async function admit(request: GuardRequest, token: VerifiedToken, accessToken: string): Promise<Verdict> {
    const remaining = verifier.remaining(token);
    const admission = { kind: 'admit', token, accessToken, remaining, headers: corsHeaders } as const;
    if (request.method !== 'POST') {
      return refuseScopes(token, scopes) ?? { ...admission, body: undefined };
    }
    const body = await request.readBody(maxBodySize);
    if (body.kind === 'refused') return answer(unreadable(body.status));
    const demands = demandsOf(body.value);
    const refused = refuseScopes(token, [...scopes, ...demands.scopes]);
    if (refused !== undefined) return refused;
    return demands.fault === undefined ? { ...admission, body } : answer(faulty(demands.fault, body.value));
  }

  return async (request) => {
    const [, path = '/', query = ''] = /^([^?]*)(?:\?(.*))?$/s.exec(request.target) ?? [];
    const requestedHeaders = request.header('access-control-request-headers');
    const document = await wellKnown(request.method, path, requestedHeaders);
    if (document !== undefined) return answer(document);
    const sentOn = await legacyEndpoints?.({ method: request.method, path, query, requestedHeaders });
    if (sentOn !== undefined) return answer(sentOn);
    if (!isGuarded(path)) return { kind: 'pass' };
    if (!isAllowedOrigin(request.header('origin'))) {
      return answer(refusal(403, 'invalid_request', 'Pages of this origin may not call this server'));
    }
    if (request.method === 'OPTIONS') return answer(preflight(requestedHeaders));
    if (!SERVED_METHODS.has(request.method)) return answer(methodNotAllowed([...SERVED_METHODS].join(', ')));

    const credentials = readCredentials(request.authorization, query);
    switch (credentials.kind) {
      case 'none':
        return challengedWith(401, 'An access token is needed in the Authorization header', {
          scope: scopes,
        });
      case 'malformed':
        return challengedWith(400, credentials.reason, {
          error: 'invalid_request',
          description: credentials.reason,
        });
      case 'bearer': {
        const verified = await verifier.verify(credentials.token).catch(refuseToken);
        return 'kind' in verified ? verified : admit(request, verified, credentials.token);
      }
    }
  };
}

function answer(content: Answer): Verdict {
  return { kind: 'answer', answer: content };
}

function unreadable(status: 400 | 413 | 415): Answer {
  const messages = {
    400: 'Parse error: the body is not JSON',
    413: 'The body is too large',
    415: 'The body must not be compressed',
  };
  return jsonRpcError(status, status === 400 ? -32700 : -32000, messages[status], null);
}

/** JSON-RPC 2.0 §5.1; an unknown tool is an error of the parameters (MCP, tools). */
const FAULTS: Readonly<Record<MessageFault, { readonly code: number; readonly message: string }>> = {
  invalid_message: { code: -32600, message: 'Invalid request: not a JSON-RPC message' },
  unknown_method: { code: -32601, message: 'Method not found' },
  unknown_tool: { code: -32602, message: 'Unknown tool' },
};

/** Returns what a server without the method or the tool would answer. */
function faulty(fault: MessageFault, body: unknown): Answer {
  const id: unknown = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
  const known = fault !== 'invalid_message' && (typeof id === 'string' || typeof id === 'number');
  const { code, message } = FAULTS[fault];
  return jsonRpcError(known ? 200 : 400, code, message, known ? id : null);
}

function jsonRpcError(status: number, code: number, message: string, id: string | number | null): Answer {
  return { status, headers: corsHeaders, json: { jsonrpc: '2.0', id, error: { code, message } } };
}
