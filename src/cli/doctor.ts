import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/load.ts';
import { SHAPES } from '../doctor/shapes/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Cli, Register } from './cli.ts';
import { reportText } from './doctor-report.ts';
import { NotAvailable, UsageError } from './failure.ts';
import { createProgress } from './progress.ts';

interface Options {
  readonly issuer?: string;
  readonly client?: readonly string[];
  readonly resource?: string;
  readonly document?: string;
  readonly register?: boolean;
}

const NAMES = SHAPES.map(({ id }) => id);

/** `doctor`: what MCP clients see of a running server, and where they would stop. */
export const doctor: Register = (program, cli) => {
  program
    .command('doctor')
    .summary('see a running server as MCP clients see it')
    .description(
      'Replays what MCP clients send to a running server, and says for each where it would stop, why, and what to do about it. Nothing is registered, granted or kept; what is refused on the way is in the audit trail.',
    )
    .option('--issuer <url>', 'the server to look at; GATEHOUSE_ISSUER when left out')
    .option('--client <name...>', 'these clients only, all of them when left out')
    .option('--resource <url>', 'an MCP server that is protected by it, as people type it into their client')
    .option(
      '--document <url>',
      'the metadata document of a client that has one for each connection (ChatGPT)',
    )
    .option('--register', 'register clients that register themselves, and remove them again (RFC 7592)')
    .addHelpText(
      'after',
      `
Clients: ${NAMES.join(' ')}

Exit codes: 0 all is well, 1 something is not, 2 wrong usage, 3 nobody answers.

Examples:
  $ ${GATEHOUSE} doctor
  $ ${GATEHOUSE} doctor --client claude-code cursor --resource https://files.example.com/mcp`,
    )
    .action(async (options: Options) => {
      const { client, document, register } = options;
      const unknown = client?.find((name) => !NAMES.includes(name));
      if (unknown !== undefined) {
        throw new UsageError(`There is no client ${unknown}; there is ${NAMES.join(', ')}.`);
      }
      const resource = addressOf('--resource', options.resource);
      const given = addressOf('--issuer', options.issuer);
      addressOf('--document', document);
      const config = await readConfig(cli, given);
      const issuer = given ?? config?.issuer ?? '';
      // Loaded late, so that help and usage errors do not wait for it.
      const [{ examine, Unreachable }, { withStoreFacts }] = await Promise.all([
        import('../doctor/index.ts'),
        import('./doctor-store.ts'),
      ]);
      const progress = createProgress();
      const report = await withStoreFacts(config, issuer, async (store, without) => {
        try {
          const found = await examine({
            issuer,
            clients: client,
            resource,
            document,
            register: register === true,
            store,
            progress: (as) => progress.show(`Looking at ${issuer} as ${as} …`),
          });
          return { ...found, without };
        } catch (error) {
          throw error instanceof Unreachable ? new NotAvailable(error.message, { cause: error }) : error;
        } finally {
          progress.end();
        }
      });
      cli.print({ json: report, text: reportText(report), exitCode: report.healthy ? 0 : 1 });
    });
};

/** Where the server is named, the configuration of this machine is only a help, and may be missing. */
async function readConfig(cli: Cli, issuer: string | undefined): Promise<Config | undefined> {
  try {
    return await cli.readConfig();
  } catch (error) {
    if (issuer !== undefined && error instanceof ConfigError) return undefined;
    throw error;
  }
}

function addressOf(option: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === '')
    return value;
  throw new UsageError(`${option} ${value} is no address: write it as https://auth.example.com.`);
}
