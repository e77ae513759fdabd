import { type Challenge, challenge } from './challenge.ts';

/** A complete HTTP answer, before a framework writes it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined sends no body. */
  readonly json?: unknown;
}

/**
 * What every answer carries, refusals included, so that clients in browsers can read them.
 *
 * `*` gives nothing away: authority is in a header that no browser adds by itself.
 */
export const corsHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'WWW-Authenticate, Mcp-Session-Id, DPoP-Nonce, Retry-After',
};

const allowedHeaders = [
  'authorization',
  'content-type',
  'mcp-protocol-version',
  'mcp-session-id',
  'mcp-method',
  'mcp-name',
  'last-event-id',
  'dpop',
];

/** Seconds after which an answer 503 invites to try again. */
const RETRY_AFTER = 5;

/** A list of field names (RFC 9110 §5.1), as a browser sends it. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]{1,100}(?:, ?[\w!#$%&'*+.^`|~-]{1,100}){0,49}$/;

/**
 * Returns the answer to a preflight, which allows every header that it asks for: clients add headers of their
 * own, no header is sent by a browser by itself here (no credentials), and a header alone authorizes nothing.
 */
export function preflight(requestedHeaders = ''): Answer {
  const asked = HEADER_NAMES.test(requestedHeaders) ? requestedHeaders.toLowerCase().split(/, ?/) : [];
  return {
    status: 204,
    headers: {
      ...corsHeaders,
      'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
      'access-control-allow-headers': [...new Set([...allowedHeaders, ...asked])].join(', '),
      'access-control-max-age': '600',
      vary: 'Access-Control-Request-Headers',
    },
  };
}

/** A refusal with the JSON of an OAuth error (RFC 6749 §5.2 in shape). */
export function refusal(status: number, error: string, description: string): Answer {
  return {
    status,
    headers: { ...corsHeaders, 'cache-control': 'no-store' },
    json: { error, error_description: description },
  };
}

/** RFC 9110 §15.5.6. */
export function methodNotAllowed(allow: string): Answer {
  const plain = refusal(405, 'invalid_request', 'The method is not allowed here');
  return { ...plain, headers: { ...plain.headers, allow } };
}

/** A refusal that tells the client what to bring (RFC 6750 §3). */
export function challenged(status: 400 | 401 | 403, description: string, terms: Challenge): Answer {
  const plain = refusal(status, terms.error ?? 'invalid_token', description);
  return { ...plain, headers: { ...plain.headers, 'www-authenticate': challenge(terms) } };
}

/** Nobody can tell at the moment, which is no fault of the token: never 401. */
export function unavailable(description: string): Answer {
  const plain = refusal(503, 'temporarily_unavailable', description);
  return { ...plain, headers: { ...plain.headers, 'retry-after': String(RETRY_AFTER) } };
}
