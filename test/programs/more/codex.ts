import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Program } from '../client-program.ts';
import { withJsonLines } from '../json-lines.ts';

interface Status {
  readonly data: readonly { readonly name: string; readonly tools: Readonly<Record<string, unknown>> }[];
}

interface Called {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
}

/** Codex; its tools are called through its app server, without a model. */
export const codex: Program = {
  name: 'Codex',
  catalogued: 'codex',
  async install(home, resource) {
    mkdirSync(join(home.path, '.codex'));
    // Where no keyring runs, it could not forget a sign-in.
    writeFileSync(join(home.path, '.codex/config.toml'), 'mcp_oauth_credentials_store = "file"\n');
    const run = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await home.run('codex', args);
      if (code !== 0) throw new Error(`codex ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
    };
    const session = <T>(work: (ask: (method: string, params: object) => Promise<unknown>) => Promise<T>) =>
      withJsonLines(home, ['codex', 'app-server'], async ({ ask, tell }) => {
        await ask('initialize', {
          clientInfo: { name: 'test', version: '1' },
          capabilities: { experimentalApi: true },
        });
        tell('initialized', {});
        return work(ask);
      });
    return {
      login: () => run('mcp', 'add', 'tf', '--url', resource),
      async relogin() {
        await run('mcp', 'logout', 'tf');
        await run('mcp', 'login', 'tf');
      },
      tools: () =>
        session(async (ask) => {
          const { data } = (await ask('mcpServerStatus/list', {})) as Status;
          return Object.keys(data.find(({ name }) => name === 'tf')?.tools ?? {});
        }),
      call: (tool, input) =>
        session(async (ask) => {
          const { thread } = (await ask('thread/start', {})) as { thread: { id: string } };
          const { isError, content } = (await ask('mcpServer/tool/call', {
            threadId: thread.id,
            server: 'tf',
            tool,
            arguments: input,
          })) as Called;
          const text = content[0]?.text ?? '';
          if (isError) throw new Error(text);
          return text;
        }),
    };
  },
};
