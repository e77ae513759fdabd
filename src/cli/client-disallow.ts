import { removeRule } from '../domain/admission/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';
import type { Register } from './cli.ts';
import { issuedBefore } from './issued-before.ts';
import { printable } from './output.ts';

/** `client disallow`: takes a rule away. */
export const clientDisallow: Register = (clients, cli) => {
  clients
    .command('disallow')
    .summary('take a rule of client allow away')
    .description(
      `Takes a rule away. What it let in is judged by the other rules and by GATEHOUSE_METADATA_DOCUMENTS from now on, connections too. To keep a client out in every mode: ${GATEHOUSE} client allow <url> --trust blocked.`,
    )
    .argument('<pattern>', `as ${GATEHOUSE} client rules shows it`)
    .action((pattern: string) =>
      cli.withStore(async ({ config, database, cause }) => {
        await removeRule(database.prisma, { tenantId: DEFAULT_TENANT, pattern }, cause);
        return {
          json: { pattern },
          text: `No rule speaks of ${printable(pattern)} any more. What it alone let in gets no more tokens. ${issuedBefore(config)}`,
        };
      }),
    );
};
