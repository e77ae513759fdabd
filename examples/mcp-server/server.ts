import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createVerifier } from '@gatehouse-mcp/verifier';
import { fetchHandler } from '@gatehouse-mcp/verifier/fetch';
import { verifiedToken } from '@gatehouse-mcp/verifier/mcp';
import { createMcpHandler } from '@modelcontextprotocol/server';

import { createFileStore } from './files.ts';
import { createMcpServer } from './mcp.ts';
import { serve } from './node-http.ts';
import { teamFiles } from './tools.ts';

/** Where Team Files runs, and who issues its tokens. */
export interface ExampleOptions {
  readonly issuer: string;
  /** The URL that clients type; its path is where MCP is served. */
  readonly resource: string;
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly onError?: (error: unknown) => void;
}

export interface Example {
  /** Where it really listens, without path. */
  readonly url: string;
  close(): Promise<void>;
}

const MAX_BODY = 256 * 1024;

/**
 * Starts Team Files: an MCP server that any client can use and that trusts no one by itself.
 *
 * It needs nothing of the authorization server to start, and asks it for keys when the first token
 * comes. Rejects when the address cannot be listened on.
 */
export async function startExample(options: ExampleOptions): Promise<Example> {
  const { issuer, resource, listen, onError = () => {} } = options;
  const files = createFileStore();
  const mcp = createMcpHandler(
    ({ authInfo }) => {
      const token = verifiedToken(authInfo);
      return createMcpServer(token, files.of(token.subject));
    },
    { onerror: onError, maxRequestBodySize: MAX_BODY },
  );
  const { origin, pathname } = new URL(resource);
  const handler = fetchHandler(
    {
      verifier: createVerifier({ issuer, resource }),
      name: teamFiles.name,
      scopes: teamFiles.defaultScopes,
      tools: teamFiles.tools,
      path: pathname,
      legacyEndpoints: true,
      maxBodySize: MAX_BODY,
    },
    (request, { authInfo, parsedBody }) => mcp.fetch(request, { authInfo, parsedBody }),
    () => Response.json({ error: 'not_found' }, { status: 404 }),
  );

  const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, (incoming, outgoing) => {
    void serve(origin, handler, onError)(incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(addressOf(listen), resolve);
  });
  const { port, address, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await mcp.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Brackets around an IPv6 address are welcome and not needed. */
function addressOf(listen: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^\[?([^[\]]+)\]?:(\d+)$/.exec(listen) ?? [];
  if (host === undefined) throw new TypeError(`${listen} is not of the form host:port`);
  return { host, port: Number(port) };
}
