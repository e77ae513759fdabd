import { listRules } from '../domain/admission/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `client rules`: which clients that are named by a URL are let in. */
export const clientRules: Register = (clients, cli) => {
  clients
    .command('rules')
    .summary('list the rules of client allow')
    .description('Lists the rules about clients that are named by the URL of their metadata document.')
    .action(() =>
      cli.withStore(async ({ config, database }) => {
        const rules = await listRules(database.prisma, { tenantId: DEFAULT_TENANT });
        return {
          json: rules.map(({ id, pattern, kind, trust, catalogue, createdAt }) => ({
            id,
            pattern,
            kind,
            trust,
            ...(catalogue === undefined ? {} : { catalogue }),
            created_at: createdAt,
          })),
          text: table(
            rules,
            [
              ['pattern', (rule) => rule.pattern],
              ['trust', (rule) => rule.trust],
              ['kind', (rule) => rule.kind],
              ['catalogue', (rule) => rule.catalogue],
              ['since', (rule) => minute(rule.createdAt)],
            ],
            `There is no rule yet; GATEHOUSE_METADATA_DOCUMENTS is ${config.metadataDocuments}. Begin with: ${GATEHOUSE} client catalogue list`,
          ),
        };
      }),
    );
};
