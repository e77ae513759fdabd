import type { Program } from '../client-program.ts';

import { startFakeModel } from './fake-model.ts';

/** Of its tools those of our server. */
const PREFIX = 'mcp__tf__';

/** Claude Code, whose model is a fake on loopback. */
export const claudeCode: Program = {
  name: 'Claude Code',
  catalogued: 'claude-code',
  async install(home, resource) {
    const model = await startFakeModel();
    home.onRemove(() => model.close());
    const env = {
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'x',
      ENABLE_TOOL_SEARCH: 'false',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    };
    const run = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await home.run('claude', args, env);
      if (code !== 0) throw new Error(`claude ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
      return stdout;
    };
    await run('mcp', 'add', '--transport', 'http', 'tf', resource);
    const login = async () => {
      const { code, stdout } = await home.runInTerminal('claude', ['mcp', 'login', 'tf'], env);
      if (code !== 0) throw new Error(`claude mcp login ended with ${code}:\n${stdout}`);
    };
    const prompt = (text: string) => run('-p', text, '--allowedTools', `${PREFIX}*`);
    return {
      login,
      async relogin() {
        await run('mcp', 'logout', 'tf');
        await login();
      },
      async tools() {
        await prompt('Say OK');
        return model
          .offered()
          .filter((name) => name.startsWith(PREFIX))
          .map((name) => name.slice(PREFIX.length));
      },
      call: async (tool, input) => (await prompt(`CALL ${PREFIX}${tool} ${JSON.stringify(input)}`)).trim(),
    };
  },
};
