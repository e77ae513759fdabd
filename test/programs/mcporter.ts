import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ClientProgram, ProgramOptions } from './client-program.ts';
import type { Home } from './home.ts';

/** mcporter with one server in its configuration, and with the redirect that its guide recommends. */
export function mcporter(
  home: Home,
  resource: string,
  redirectUrl: string,
  { clientId }: ProgramOptions,
): ClientProgram {
  const config = join(home.path, 'config/mcporter.json');
  mkdirSync(join(home.path, 'config'), { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      mcpServers: {
        tf: {
          baseUrl: resource,
          auth: 'oauth',
          oauthRedirectUrl: redirectUrl,
          ...(clientId === undefined ? {} : { oauthClientId: clientId }),
        },
      },
      imports: [],
    }),
  );
  const ask = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await home.run('mcporter', [...args, '--config', config]);
    if (code !== 0) throw new Error(`mcporter ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
    return stdout;
  };
  return {
    async login() {
      await ask('auth', 'tf');
    },
    async relogin() {
      await ask('auth', 'tf', '--reset');
    },
    async tools() {
      const { tools } = JSON.parse(await ask('list', 'tf', '--json'));
      return (tools as readonly { readonly name: string }[]).map(({ name }) => name);
    },
    async call(tool, input) {
      const args = Object.entries(input).map(([name, value]) => `${name}=${value}`);
      const { content } = JSON.parse(await ask('call', `tf.${tool}`, ...args, '--output', 'json'));
      return content[0].text;
    },
  };
}
