import { rmSync } from 'node:fs';
import { join } from 'node:path';

import type { ClientProgram, ProgramOptions } from './client-program.ts';
import type { Home } from './home.ts';
import { type JsonLines, withJsonLines } from './json-lines.ts';

interface Listed {
  readonly tools: readonly { readonly name: string }[];
}

interface Called {
  readonly content?: readonly { readonly text: string }[];
}

/** mcp-remote, which another program starts and talks to by standard input and output. */
export function mcpRemote(home: Home, resource: string, { clientId }: ProgramOptions): ClientProgram {
  const known =
    clientId === undefined ? [] : ['--static-oauth-client-info', JSON.stringify({ client_id: clientId })];
  const session = <T>(work: (ask: JsonLines['ask']) => Promise<T>) =>
    withJsonLines(home, ['mcp-remote', resource, ...known], async ({ ask, tell }) => {
      await ask('initialize', {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'test', version: '1' },
      });
      tell('notifications/initialized', {});
      return work(ask);
    });
  return {
    login: () => session(async () => undefined),
    relogin() {
      rmSync(join(home.path, '.mcp-auth'), { recursive: true });
      return session(async () => undefined);
    },
    tools: () =>
      session(async (ask) => {
        const { tools } = (await ask('tools/list', {})) as Listed;
        return tools.map(({ name }) => name);
      }),
    call: (name, input) =>
      session(async (ask) => {
        const { content } = (await ask('tools/call', { name, arguments: input })) as Called;
        return content?.[0]?.text ?? '';
      }),
  };
}
