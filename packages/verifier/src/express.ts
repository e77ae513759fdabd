import type { ServerResponse } from 'node:http';

import type { Answer } from './answer.ts';
import { createGuard, type GuardOptions } from './guard.ts';
import { type AuthInfo, authInfo } from './mcp.ts';
import { fromNode, type NodeRequest } from './node-request.ts';
import { endResponseAfter } from './stream-end.ts';

/** A request as the guard leaves it: `auth` is where the official SDKs look. */
export type GuardedRequest = NodeRequest & { body?: unknown; auth?: AuthInfo };

/** Middleware for Express, and for whatever else calls `(request, response, next)` on `node:http`. */
export type Middleware = (
  request: NodeRequest & { body?: unknown },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/**
 * Guards an Express app, or one path of it.
 *
 * Put it before everything that serves MCP. An admitted request has `auth` (with the verified token
 * in `auth.extra.verified`) and, when there is a tool catalogue, its JSON in `body`: hand that to the
 * transport (`transport.handleRequest(request, response, request.body)`), because the stream is read.
 */
export function express(options: GuardOptions): Middleware {
  const guard = createGuard(options);
  return async (request, response, next) => {
    try {
      const verdict = await guard(fromNode(request, request.body));
      if (verdict.kind === 'answer') return send(response, verdict.answer, request.method);
      if (verdict.kind === 'admit') {
        Object.assign(request, { auth: authInfo(verdict.accessToken, verdict.token) });
        if (verdict.body !== undefined) request.body = verdict.body.value;
        for (const [name, value] of Object.entries(verdict.headers)) response.setHeader(name, value);
        endResponseAfter(response, verdict.remaining);
      }
    } catch (error) {
      return next(error);
    }
    next();
  };
}

function send(response: ServerResponse, { status, headers, json }: Answer, method: string | undefined): void {
  const text = json === undefined ? undefined : JSON.stringify(json);
  if (status === 413) response.setHeader('connection', 'close');
  response.writeHead(status, {
    ...headers,
    ...(text !== undefined && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    }),
  });
  response.end(method === 'HEAD' ? undefined : text);
}
