import { enableCatalogued } from '../domain/admission/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import { describeEntry } from './catalogue-entry.ts';
import type { Register } from './cli.ts';

/** `client catalogue enable`: switches a well-known client on. */
export const catalogueEnable: Register = (catalogue, cli) => {
  catalogue
    .command('enable')
    .summary('let a well-known client in')
    .description(
      'Lets a well-known client in: by rules for its metadata documents, or by registering it in advance. For one that can only register itself it says what can be done.',
    )
    .argument('<name>', `as ${GATEHOUSE} client catalogue list shows it`)
    .addHelpText(
      'after',
      `
Example:
  $ ${GATEHOUSE} client catalogue enable claude-code`,
    )
    .action((name: string) =>
      cli.withStore(async ({ database, cause }) => {
        const { entry, enabled, clientId, clientSecret } = await enableCatalogued(
          database.prisma,
          name,
          { tenantId: DEFAULT_TENANT },
          cause,
        );
        const advice = entry.advice?.replaceAll('{client_id}', clientId ?? '');
        return {
          exitCode: enabled ? 0 : 1,
          json: {
            ...describeEntry(entry),
            enabled,
            ...(clientId === undefined ? {} : { client_id: clientId }),
            ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
            ...(advice === undefined ? {} : { advice }),
          },
          text: [
            enabled ? `${entry.title} is let in.` : `${entry.title} cannot be switched on from here.`,
            ...(clientId === undefined ? [] : [`client_id      ${clientId}`]),
            ...(clientSecret === undefined
              ? []
              : [`client_secret  ${clientSecret}`, 'The secret is shown this once.']),
            ...(advice === undefined ? [] : [advice]),
          ].join('\n'),
        };
      }),
    );
};
