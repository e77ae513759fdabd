import { Command } from 'commander';
import { GATEHOUSE } from '../kernel/command-line.ts';

import { version } from '../version.ts';

import { auditList } from './audit-list.ts';
import { backup } from './backup.ts';
import { catalogueDisable } from './catalogue-disable.ts';
import { catalogueEnable } from './catalogue-enable.ts';
import { catalogueList } from './catalogue-list.ts';
import type { Cli, Register } from './cli.ts';
import { clientAdd } from './client-add.ts';
import { clientAllow } from './client-allow.ts';
import { clientApprove } from './client-approve.ts';
import { clientDisallow } from './client-disallow.ts';
import { clientList } from './client-list.ts';
import { clientReject } from './client-reject.ts';
import { clientRemove } from './client-remove.ts';
import { clientRequests } from './client-requests.ts';
import { clientRevokeAll } from './client-revoke-all.ts';
import { clientRules } from './client-rules.ts';
import { clientTrust } from './client-trust.ts';
import { doctor } from './doctor.ts';
import { grantList } from './grant-list.ts';
import { grantRevoke } from './grant-revoke.ts';
import { grantRevokeAll } from './grant-revoke-all.ts';
import { keysCreateMaster } from './keys-create-master.ts';
import { keysList } from './keys-list.ts';
import { keysRotate } from './keys-rotate.ts';
import { keysRotateMaster } from './keys-rotate-master.ts';
import { descendants, unknownCommandMessage } from './mistyped.ts';
import { registrationTokenCreate } from './registration-token-create.ts';
import { registrationTokenList } from './registration-token-list.ts';
import { registrationTokenRevoke } from './registration-token-revoke.ts';
import { resourceAdd } from './resource-add.ts';
import { resourceList } from './resource-list.ts';
import { resourceRemove } from './resource-remove.ts';
import { resourceSet } from './resource-set.ts';
import { resourceStrangers } from './resource-strangers.ts';
import { restore } from './restore.ts';
import { clientSecretCommands, resourceSecretCommands } from './secret-commands.ts';
import { serve } from './serve.ts';
import { setupLink } from './setup-link.ts';
import { trace } from './trace.ts';
import { userAdd } from './user-add.ts';
import { userDisable } from './user-disable.ts';
import { userEnable } from './user-enable.ts';
import { userList } from './user-list.ts';
import { userRemove } from './user-remove.ts';
import { userRename } from './user-rename.ts';
import { userReset } from './user-reset.ts';
import { userRole } from './user-role.ts';

const GROUPS: readonly (readonly [name: string, summary: string, commands: readonly Register[]])[] = [
  [
    'user',
    'people who sign in',
    [userAdd, userList, userRole, userRename, userReset, userDisable, userEnable, userRemove],
  ],
  [
    'client',
    'programs that connect',
    [
      clientAdd,
      clientList,
      clientTrust,
      clientAllow,
      clientDisallow,
      clientRules,
      clientRequests,
      clientApprove,
      clientReject,
      clientRemove,
      clientRevokeAll,
    ],
  ],
  [
    'client catalogue',
    'well-known MCP clients, switched on by name',
    [catalogueList, catalogueEnable, catalogueDisable],
  ],
  [
    'client registration-token',
    'what lets programs register themselves',
    [registrationTokenCreate, registrationTokenList, registrationTokenRevoke],
  ],
  [
    'resource',
    'MCP servers that tokens are issued for',
    [resourceAdd, resourceList, resourceSet, resourceStrangers, resourceRemove],
  ],
  ['client secret', 'what a client with a secret proves itself with', clientSecretCommands],
  ['resource secret', 'what an MCP server introspects with', resourceSecretCommands],
  ['grant', 'what people allowed to clients', [grantList, grantRevoke, grantRevokeAll]],
  ['keys', 'signing keys and the master key', [keysList, keysRotate, keysCreateMaster, keysRotateMaster]],
  ['audit', 'what happened', [auditList]],
];

const HELP = `
Settings come from the environment and from .env (see .env.example). Commands work on the same store as the
server, beside it or without it: DATABASE_URL, or else the embedded PostgreSQL in GATEHOUSE_DATA_DIR.

With --json, standard output is one JSON document and nothing else.
Exit codes: 0 done; 1 refused, and nothing changed; 2 usage or configuration: an unknown command or option, or
a value that cannot be read; 3 store or server not available.

Begin with:
  $ ${GATEHOUSE} setup-link
  $ ${GATEHOUSE} resource add --identifier https://files.example.com/mcp --name Files \\
      --scope 'files:read=Read your files' 'files:write=Change your files'
  $ ${GATEHOUSE} serve`;

/** The command line, ready to parse. Errors are thrown, not printed: `run` says how. */
export function createProgram(cli: Cli): Command {
  const program = new Command('gatehouse')
    .description('The OAuth 2.1 authorization server for the Model Context Protocol')
    .version(version())
    .addHelpText('after', HELP)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .showSuggestionAfterError();

  for (const [name, summary, commands] of GROUPS) {
    const group = groupOf(program, name).description(capital(summary)).summary(summary);
    for (const register of commands) register(group, cli);
    needsCommand(group);
  }
  setupLink(program, cli);
  doctor(program, cli);
  trace(program, cli);
  backup(program, cli);
  restore(program, cli);
  serve(program, cli);
  needsCommand(program);
  for (const command of descendants(program)) command.option('--json', 'print one JSON document');
  return program;
}

/** A group of a group is named by both, the outer one first; that one stands before it in the list. */
function groupOf(program: Command, name: string): Command {
  const [outer, inner] = name.split(' ');
  const parent = inner === undefined ? program : program.commands.find((command) => command.name() === outer);
  if (!parent) throw new Error(`there is no group ${outer}`);
  return parent.command(inner ?? name);
}

/** Refuses a group without a command, or with one that it does not have, and names those that there are. */
function needsCommand(group: Command): void {
  group
    .allowExcessArguments()
    .allowUnknownOption()
    .action((_options: unknown, { args: [word] }: Command) => {
      const path = pathOf(group);
      const known = group.commands.map((command) => command.name()).join(', ');
      const fault = word === undefined ? `${path} needs a command` : unknownCommandMessage(group, word);
      group.error(`${fault}\nThere is ${known}; see: ${path} --help`);
    });
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
