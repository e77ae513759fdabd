import { addResource, parseTools, type ResourceScope } from '../domain/resources/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { printable } from './output.ts';
import { readJsonFile } from './read-json-file.ts';
import { readScopeSentence } from './scope-sentence.ts';

interface Options {
  readonly identifier: string;
  readonly name: string;
  readonly scope: readonly string[];
  readonly defaultScope?: readonly string[];
  readonly destructiveScope?: readonly string[];
  readonly tools?: string;
  readonly withSecret?: true;
  readonly strangers: boolean;
  readonly member: boolean;
}

/** `resource add`: registers an MCP server to issue tokens for, and shows its secret this once. */
export const resourceAdd: Register = (resources, cli) => {
  resources
    .command('add')
    .summary('register an MCP server')
    .description('Registers an MCP server to issue tokens for.')
    .requiredOption('--identifier <url>', 'the exact URL that clients type')
    .requiredOption('--name <name>', 'how people will see it')
    .requiredOption(
      '--scope <scope=sentence...>',
      'a scope and the sentence that people read when they consent',
    )
    .option(
      '--default-scope <scope...>',
      'what a request without scope asks for; never a destructive scope (default: all others)',
    )
    .option(
      '--destructive-scope <scope...>',
      'scopes that delete or overwrite, beside those that a destructive tool needs; confirmed one by one',
    )
    .option(
      '--tools <file>',
      'tool catalogue: a JSON array of {name, title, scopes, effect: read|write|destructive}',
    )
    .option(
      '--with-secret',
      'make a secret, with which the server can introspect its tokens, and show it once',
    )
    .option('--no-strangers', 'give nothing to clients that nobody vouches for (trust level untrusted)')
    .option(
      '--no-member',
      'permit the role member of the tenant nothing here (see: gatehouse resource set --member)',
    )
    .addHelpText(
      'after',
      `
Example:
  $ ${GATEHOUSE} resource add --identifier https://files.example.com/mcp --name Files \\
      --scope 'files:read=Read your files' 'files:delete=Delete your files' --destructive-scope files:delete`,
    )
    .action(async (options: Options) => {
      const scopes = readScopes(options.scope, options.destructiveScope ?? []);
      const catalogue = options.tools === undefined ? undefined : readJsonFile(options.tools);
      await cli.withStore(async ({ database, cause }) => {
        const { resource, secret } = await addResource(
          database.prisma,
          {
            tenantId: DEFAULT_TENANT,
            identifier: options.identifier,
            name: options.name,
            scopes,
            defaultScopes: options.defaultScope,
            tools: catalogue === undefined ? undefined : parseTools(catalogue),
            withSecret: options.withSecret,
            admitsStrangers: options.strangers,
            permitsMembers: options.member,
          },
          cause,
        );
        const { id, identifier } = resource;
        return {
          json: { id, identifier, ...(secret === undefined ? {} : { secret }) },
          text: [
            `Added ${printable(resource.name)} as ${id}.`,
            `identifier  ${identifier}`,
            ...(options.member ? [] : ['The role member is permitted nothing there yet.']),
            ...(secret === undefined ? [] : [`secret      ${secret}`, 'The secret is shown this once.']),
          ].join('\n'),
        };
      });
    });
};

function readScopes(given: readonly string[], destructive: readonly string[]): readonly ResourceScope[] {
  const scopes = given.map((text) => {
    const { scope, description } = readScopeSentence(text);
    return { scope, description, destructive: destructive.includes(scope) };
  });
  const unknown = destructive.find((name) => !scopes.some(({ scope }) => scope === name));
  if (unknown !== undefined) {
    throw new UsageError(
      `--destructive-scope ${unknown} is not among the scopes; add it with --scope '${unknown}=…'.`,
    );
  }
  return scopes;
}
