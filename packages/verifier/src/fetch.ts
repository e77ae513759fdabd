import type { Answer } from './answer.ts';
import { type Admission, createGuard, type GuardOptions, type GuardRequest } from './guard.ts';
import { readJson } from './json-body.ts';
import { type AuthInfo, authInfo } from './mcp.ts';
import { endAfter, isEventStream } from './stream-end.ts';
import type { VerifiedToken } from './token.ts';

/** What the MCP server behind the guard is told beside the request. */
export interface Admitted {
  readonly token: VerifiedToken;
  /** For `createMcpHandler(…).fetch(request, { authInfo, parsedBody })`. */
  readonly authInfo: AuthInfo;
  /** The JSON body where the guard has read it; the request can still be read as well. */
  readonly parsedBody: unknown;
}

/** Serves an admitted request. */
export type AdmittedHandler = (request: Request, admitted: Admitted) => Response | Promise<Response>;

/**
 * Guards a web standard handler (`Request` to `Response`).
 *
 * `otherwise` serves what is neither guarded nor a discovery document, which can only be when
 * `path` is set; 404 by default.
 */
export function fetchHandler(
  options: GuardOptions,
  handler: AdmittedHandler,
  otherwise: (request: Request) => Response | Promise<Response> = () => new Response(null, { status: 404 }),
): (request: Request) => Promise<Response> {
  const guard = createGuard(options);
  return async (request) => {
    const verdict = await guard(fromRequest(request));
    if (verdict.kind === 'pass') return otherwise(request);
    if (verdict.kind === 'answer') return toResponse(verdict.answer, request.method);

    const { token, accessToken, body } = verdict;
    const unread = body === undefined ? request : new Request(request, { body: body.bytes });
    const admitted = { token, authInfo: authInfo(accessToken, token), parsedBody: body?.value };
    const response = await handler(unread, admitted);
    return finished(response, verdict);
  };
}

function fromRequest(request: Request): GuardRequest {
  const { pathname, search } = new URL(request.url);
  const header = (name: string) => request.headers.get(name) ?? undefined;
  const authorization = header('authorization');
  return {
    method: request.method,
    target: pathname + search,
    authorization: authorization === undefined ? [] : [authorization],
    header,
    readBody: (limit) => readJson(source(request, header), limit),
  };
}

function source(request: Request, header: (name: string) => string | undefined) {
  const chunks = (request.body ?? new Blob([]).stream()) as AsyncIterable<Uint8Array> & ReadableStream;
  return { chunks, contentLength: header('content-length'), contentEncoding: header('content-encoding') };
}

function toResponse({ status, headers, json }: Answer, method: string): Response {
  if (json === undefined) return new Response(null, { status, headers });
  const response = Response.json(json, { status, headers });
  return method === 'HEAD' ? new Response(null, { status, headers: response.headers }) : response;
}

function finished(response: Response, { headers, remaining }: Admission): Response {
  const all = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  const { body, status, statusText } = response;
  const streams = body !== null && isEventStream(all.get('content-type'));
  return new Response(streams ? endAfter(body, remaining) : body, { status, statusText, headers: all });
}
