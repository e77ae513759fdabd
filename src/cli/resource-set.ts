import { changeResource, parseTools, type ResourceChange } from '../domain/resources/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { printable } from './output.ts';
import { readJsonFile } from './read-json-file.ts';
import { readScopeSentence } from './scope-sentence.ts';

interface Options {
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly removeScope?: readonly string[];
  readonly defaultScope?: readonly string[];
  readonly destructiveScope?: readonly string[];
  readonly harmlessScope?: readonly string[];
  readonly tools?: string;
  readonly member?: boolean;
}

/** `resource set`: changes name, scopes, default scopes, flags and tools of an MCP server. */
export const resourceSet: Register = (resources, cli) => {
  resources
    .command('set')
    .summary('change an MCP server')
    .description(
      'Changes an MCP server. What is not named stays. A connection that holds a removed scope stays; its next ' +
        'token no longer carries the scope, and adding the scope again gives it back.',
    )
    .argument('<resource>', 'its identifier or id')
    .option('--name <name>', 'how people will see it')
    .option('--scope <scope=sentence...>', 'a scope to add, or whose sentence to change')
    .option('--remove-scope <scope...>', 'scopes to remove')
    .option('--default-scope <scope...>', 'replaces what a request without scope asks for')
    .option('--destructive-scope <scope...>', 'scopes to flag as destructive')
    .option('--harmless-scope <scope...>', 'scopes whose flag to remove; a destructive tool still counts')
    .option('--tools <file>', 'replaces the tool catalogue')
    .option('--member', 'permit the role member of the tenant every scope')
    .option(
      '--no-member',
      'permit the role member of the tenant nothing; its next tokens carry no scope of it',
    )
    .addHelpText(
      'after',
      `
Example:
  $ ${GATEHOUSE} resource set https://files.example.com/mcp --scope 'files:delete=Delete files' --tools tools.json`,
    )
    .action(async (name: string, options: Options) => {
      if (Object.keys(options).length === 0) {
        throw new UsageError(
          `Name what to change, for example --scope; see: ${GATEHOUSE} resource set --help`,
        );
      }
      const catalogue = options.tools === undefined ? undefined : readJsonFile(options.tools);
      const change: ResourceChange = {
        name: options.name,
        scopes: options.scope?.map(readScopeSentence),
        removeScopes: options.removeScope,
        defaultScopes: options.defaultScope,
        flag: options.destructiveScope,
        unflag: options.harmlessScope,
        permitsMembers: options.member,
        tools: catalogue === undefined ? undefined : parseTools(catalogue),
      };
      await cli.withStore(async ({ database, cause }) => {
        const { after, changes } = await changeResource(database.prisma, name, change, cause);
        const lines = Object.entries(changes).map(
          ([what, value]) =>
            `${what.replaceAll('_', ' ')}: ${printable([value].flat().join(', ') || 'none')}`,
        );
        const title = `${printable(after.name)} (${after.identifier})`;
        return {
          json: { id: after.id, identifier: after.identifier, changes },
          text: lines.length === 0 ? `${title} is as it was.` : [`Changed ${title}.`, ...lines].join('\n'),
        };
      });
    });
};
