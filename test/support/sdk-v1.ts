import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { createProgram, type Program, type ProgramOptions } from './program.ts';

/** A program made with `@modelcontextprotocol/sdk` 1.x. */
export function createProgramV1(options: ProgramOptions): Program {
  return createProgram(options, (authProvider, tracing) => {
    let client = new Client({ name: 'field-notes', version: '1' });
    let transport: StreamableHTTPClientTransport;
    return {
      async connect() {
        client = new Client({ name: 'field-notes', version: '1' });
        transport = new StreamableHTTPClientTransport(new URL(options.resource), {
          authProvider,
          fetch: tracing,
        });
        await client.connect(transport as Parameters<typeof client.connect>[0]);
      },
      finish: (callback) => transport.finishAuth(callback.get('code') ?? ''),
      listTools: () => client.listTools(),
      callTool: (call) => client.callTool(call),
      close: () => client.close(),
      isUnauthorized: (error) => error instanceof UnauthorizedError,
    };
  });
}
