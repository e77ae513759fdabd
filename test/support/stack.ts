import { type Example, startExample } from '../../examples/mcp-server/server.ts';
import { teamFiles } from '../../examples/mcp-server/tools.ts';
import { addResource } from '../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';

import { freePort } from './free-port.ts';
import { cause, startTestServer, type TestServer } from './server.ts';

/** An authorization server, and the example MCP server that it protects. */
export interface Stack {
  readonly server: TestServer;
  /** What a person types into a client. */
  readonly resource: string;
  readonly example: Example;
  stop(): Promise<void>;
}

/** Starts both, as `npm start` does, on free ports and a database of their own. */
export async function startStack(
  env: Readonly<Record<string, string>> = {},
  options: Parameters<typeof startTestServer>[1] = {},
): Promise<Stack> {
  const server = await startTestServer(env, options);
  const port = await freePort();
  const resource = `http://localhost:${port}/mcp`;
  await addResource(
    server.database.prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier: resource,
      name: teamFiles.name,
      scopes: Object.entries(teamFiles.scopes).map(([scope, description]) => ({
        scope,
        description,
        destructive: false,
      })),
      defaultScopes: teamFiles.defaultScopes,
      tools: teamFiles.tools.map(({ name, title, scopes, effect }) => ({ name, title, scopes, effect })),
    },
    cause,
  );
  const example = await startExample({ issuer: server.issuer, resource, listen: `127.0.0.1:${port}` });
  return {
    server,
    resource,
    example,
    async stop() {
      await example.close();
      await server.stop();
    },
  };
}
