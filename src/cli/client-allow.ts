import { Option } from 'commander';
import { setRule } from '../domain/admission/index.ts';
import { TRUST_LEVELS, type TrustLevel } from '../domain/authority/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import type { Register } from './cli.ts';
import { printable } from './output.ts';

/** `client allow`: lets clients in that are named by the URL of their metadata document. */
export const clientAllow: Register = (clients, cli) => {
  clients
    .command('allow')
    .summary('let a client in by the URL of its metadata document')
    .description(
      'Lets clients in that are named by the URL of their metadata document, or, with --trust blocked, keeps them out in every mode. The most exact rule decides: a URL before a template, a template before a host.',
    )
    .argument(
      '<pattern>',
      'the URL; or one in which * stands for a whole segment of the path; or https://host, for untrusted clients',
    )
    .addOption(
      new Option('--trust <level>', 'trust level (default: known; for a host: untrusted)').choices(
        TRUST_LEVELS,
      ),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ ${GATEHOUSE} client allow https://app.example.com/oauth/client.json
  $ ${GATEHOUSE} client allow 'https://chatgpt.com/oauth/*!codex/client.json' --trust trusted
  $ ${GATEHOUSE} client allow https://evil.example --trust blocked`,
    )
    .action((pattern: string, { trust: asked }: { readonly trust?: TrustLevel }) =>
      cli.withStore(async ({ config, database, cause }) => {
        const {
          pattern: kept,
          trust,
          was,
        } = await setRule(database.prisma, { tenantId: DEFAULT_TENANT, pattern, trust: asked }, cause);
        const off =
          config.metadataDocuments === 'off'
            ? ' GATEHOUSE_METADATA_DOCUMENTS is off: no such client comes in, whatever the rules say.'
            : '';
        return {
          json: { pattern: kept, trust, ...(was === undefined ? {} : { was }) },
          text: `${printable(kept)} is ${trust}${was === undefined || was === trust ? '' : `; it was ${was}`}.${off}`,
        };
      }),
    );
};
