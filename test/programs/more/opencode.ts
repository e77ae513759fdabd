import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Program } from '../client-program.ts';

import { startFakeModel } from './fake-model.ts';

/** Of its tools those of our server. */
const PREFIX = 'tf_';

const ENV = { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' };

/** opencode, whose model is a fake on loopback. It comes back to one fixed port: one sign-in at a time. */
export const opencode: Program = {
  name: 'opencode',
  catalogued: 'opencode',
  async install(home, resource, { clientId }) {
    const model = await startFakeModel();
    home.onRemove(() => model.close());
    writeFileSync(
      join(home.path, 'opencode.json'),
      JSON.stringify({
        model: 'fake/fake',
        small_model: 'fake/fake',
        provider: {
          fake: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${model.url}/v1`, apiKey: 'x' },
            models: { fake: { name: 'Fake' } },
          },
        },
        mcp: {
          tf: { type: 'remote', url: resource, ...(clientId === undefined ? {} : { oauth: { clientId } }) },
        },
      }),
    );
    const inTerminal = async (...args: readonly string[]) => {
      const { code, stdout } = await home.runInTerminal('opencode', args, ENV);
      if (code !== 0) throw new Error(`opencode ${args.join(' ')} ended with ${code}:\n${stdout}`);
    };
    const login = () => inTerminal('mcp', 'auth', 'tf');
    const prompt = async (text: string) => {
      const { code, stdout, stderr } = await home.run('opencode', ['run', '--pure'], ENV, text);
      if (code !== 0) throw new Error(`opencode run ended with ${code}:\n${stdout}\n${stderr}`);
      return stdout;
    };
    return {
      login,
      async relogin() {
        await inTerminal('mcp', 'logout', 'tf');
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
