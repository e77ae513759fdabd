import type { ClientProgram, ProgramOptions } from './client-program.ts';
import type { Home } from './home.ts';

/** Without a terminal it opens no browser, and without a keychain it stores nothing, unless these say so. */
const HEADLESS = { MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' };

/** The command line of the MCP Inspector, with a redirect of its own in place of its one fixed port. */
export function inspector(
  home: Home,
  resource: string,
  redirectUrl: string,
  { clientId }: ProgramOptions,
): ClientProgram {
  const options = [
    '--callback-url',
    redirectUrl,
    ...(clientId === undefined ? [] : ['--client-id', clientId]),
  ];
  const ask = async (...method: readonly string[]) => {
    const { code, stdout, stderr } = await home.run(
      'mcp-inspector',
      ['--cli', resource, '--transport', 'http', '--format', 'json', ...options, ...method],
      HEADLESS,
    );
    if (code !== 0) throw new Error(`the Inspector ended with ${code}:\n${stdout}\n${stderr}`);
    return JSON.parse(stdout).result;
  };
  const tools = async () => {
    const { tools: listed } = await ask('--method', 'tools/list');
    return (listed as readonly { readonly name: string }[]).map(({ name }) => name);
  };
  return {
    async login() {
      await tools();
    },
    async relogin() {
      await ask('--method', 'tools/list', '--relogin');
    },
    tools,
    async call(tool, input) {
      const args = Object.entries(input).map(([name, value]) => `${name}=${value}`);
      const { content } = await ask(
        '--method',
        'tools/call',
        '--tool-name',
        tool,
        ...(args.length > 0 ? ['--tool-arg', ...args] : []),
      );
      return content[0].text;
    },
  };
}
