import { Option } from 'commander';
import {
  AUTH_METHODS,
  type AuthMethod,
  addClient,
  TRUST_LEVELS,
  type Trust,
} from '../domain/clients/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DELEGATED_GRANT_TYPES, GRANT_TYPES, type GrantType } from '../kernel/grant-types.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import { checkJwksUri } from './check-jwks-uri.ts';
import type { Register } from './cli.ts';
import { readJsonFile } from './read-json-file.ts';

interface Options {
  readonly name: string;
  readonly redirectUri: readonly string[];
  readonly auth?: AuthMethod;
  readonly jwksFile?: string;
  readonly jwksUri?: string;
  readonly trust?: Trust;
  readonly grantType?: readonly GrantType[];
}

/** `client add`: pre-registers a client, and shows its secret this once. */
export const clientAdd: Register = (clients, cli) => {
  clients
    .command('add')
    .summary('register a client')
    .description('Registers a client in advance.')
    .requiredOption('--name <name>', 'how people will see it')
    .requiredOption(
      '--redirect-uri <uri...>',
      'where it takes codes: https, http on a loopback host (any port), or a private-use scheme',
    )
    .addOption(
      new Option('--auth <method>', 'how it authenticates (default: none, a public client)').choices(
        AUTH_METHODS,
      ),
    )
    .option('--jwks-file <file>', 'its public keys, a JWK Set; for private_key_jwt')
    .option('--jwks-uri <url>', 'the public https URL where it publishes its keys; for private_key_jwt')
    .addOption(new Option('--trust <level>', 'trust level (default: known)').choices(TRUST_LEVELS))
    .addOption(
      new Option(
        '--grant-type <type...>',
        `grant types (default: ${DELEGATED_GRANT_TYPES.join(' ')})`,
      ).choices(GRANT_TYPES),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ ${GATEHOUSE} client add --name 'Claude Code' --redirect-uri http://localhost/callback http://127.0.0.1/callback
  $ ${GATEHOUSE} client add --name Portal --redirect-uri https://portal.example.com/callback --auth client_secret_basic
  $ ${GATEHOUSE} client add --name Reports --redirect-uri https://reports.example.com/callback \\
      --auth private_key_jwt --jwks-file reports.jwks.json`,
    )
    .action(async (options: Options) => {
      const jwks = options.jwksFile === undefined ? undefined : readJsonFile(options.jwksFile);
      const keysWarning = await warningOf(options);
      await cli.withStore(async ({ database, cause }) => {
        const { clientId, clientSecret, namesakes } = await addClient(
          database.prisma,
          {
            tenantId: DEFAULT_TENANT,
            name: options.name,
            redirectUris: options.redirectUri,
            authMethod: options.auth,
            jwks,
            jwksUri: options.jwksUri,
            trust: options.trust,
            grantTypes: options.grantType,
          },
          cause,
        );
        const warnings = [keysWarning, namesakesWarning(namesakes)].filter(
          (warning) => warning !== undefined,
        );
        return {
          json: {
            client_id: clientId,
            ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
            ...(warnings.length === 0 ? {} : { warning: warnings.join(' ') }),
          },
          text: [
            `client_id      ${clientId}`,
            ...(clientSecret === undefined
              ? []
              : [`client_secret  ${clientSecret}`, 'The secret is shown this once.']),
            ...warnings,
          ].join('\n'),
        };
      });
    });
};

/** What to say of the keys that it publishes, if anything. */
async function warningOf({ auth, jwksUri }: Options): Promise<string | undefined> {
  if (jwksUri === undefined || auth !== 'private_key_jwt') return undefined;
  const { createGuardedFetch } = await import('../platform/fetch/index.ts');
  return checkJwksUri(jwksUri, createGuardedFetch());
}

/** People cannot tell two clients of one name apart. */
function namesakesWarning(namesakes: readonly string[]): string | undefined {
  if (namesakes.length === 0) return undefined;
  return `People will not tell it from ${namesakes.join(', ')} of the same name; ${GATEHOUSE} client remove ID removes one.`;
}
