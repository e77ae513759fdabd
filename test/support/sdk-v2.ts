import {
  Client,
  type OAuthDiscoveryState,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';

import { createProgram, type Program, type ProgramOptions } from './program.ts';

/** A program made with `@modelcontextprotocol/client` 2.x, which remembers across the redirect whom it asked. */
export function createProgramV2(options: ProgramOptions): Program {
  return createProgram(options, (provider, tracing) => {
    let discovery: OAuthDiscoveryState | undefined;
    const authProvider = {
      ...provider,
      discoveryState: () => discovery,
      saveDiscoveryState(state: OAuthDiscoveryState) {
        discovery = state;
      },
    };
    const create = () =>
      new Client({ name: 'field-notes', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    let client = create();
    let transport: StreamableHTTPClientTransport;
    return {
      async connect() {
        client = create();
        transport = new StreamableHTTPClientTransport(new URL(options.resource), {
          authProvider,
          fetch: tracing,
        });
        await client.connect(transport);
      },
      finish: (callback) => transport.finishAuth(callback),
      listTools: () => client.listTools(),
      callTool: (call) => client.callTool(call),
      close: () => client.close(),
      isUnauthorized: (error) => error instanceof UnauthorizedError,
    };
  });
}
