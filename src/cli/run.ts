import { CommanderError } from 'commander';

import type { Cli } from './cli.ts';
import { type ExitCode, toFailure, UsageError } from './failure.ts';
import { mistypedOption } from './mistyped.ts';
import type { Result } from './output.ts';
import { createProgram } from './program.ts';

/**
 * Runs one command and answers its exit code.
 *
 * With `--json` standard output carries one JSON document, the result or `{error, reason}`, and nothing
 * else. Without it people get sentences: results on standard output, failures on standard error.
 */
export async function run(args: readonly string[]): Promise<ExitCode> {
  const json = args.includes('--json');
  let exitCode: ExitCode = 0;
  const print = (result: Result) => {
    exitCode = result.exitCode ?? 0;
    const stream = result.aside ? process.stderr : process.stdout;
    stream.write(`${json ? JSON.stringify(result.json, null, 2) : result.text}\n`);
  };
  const program = () => createProgram(createCli(print));
  try {
    await program().parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    const error = await mistypedOption(program(), args, thrown);
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = toFailure(error);
    const { exitCode: failed, ...document } = failure;
    if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else process.stderr.write(`${failure.reason}\n`);
    return failed;
  }
}

function createCli(print: (result: Result) => void): Cli {
  const readConfig = async () => (await import('../config/load.ts')).loadConfig();
  return {
    readConfig,
    print,

    async withStore(work) {
      const config = await readConfig();
      // Loaded late, so that help and usage errors do not wait for it.
      const { withStore } = await import('./store.ts');
      print(await withStore(config, work));
    },

    async withBareStore(mode, work) {
      const config = await readConfig();
      const { withBareStore } = await import('./store.ts');
      print(await withBareStore(config, mode, work));
    },

    async readSecret() {
      if (process.stdin.isTTY) {
        throw new UsageError(
          'Nothing is read from a terminal. Pipe the secret in, for example: pass show ada | gatehouse …',
        );
      }
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk);
      return Buffer.concat(chunks)
        .toString('utf8')
        .replace(/\r?\n$/, '');
    },
  };
}
