import { GATEHOUSE } from '../kernel/command-line.ts';
import { DEFAULT_TENANT } from '../kernel/ids.ts';
import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { findUser } from './find-user.ts';
import { printable } from './output.ts';

/** What the roles of every new tenant permit. */
export const ROLES_HELP = `Roles:
  member  may allow clients what the MCP servers of the tenant offer
  admin   administers the tenant; permits nothing at MCP servers, so member is given beside it`;

interface Options {
  readonly tenant?: string;
  readonly force?: true;
}

/** `user role`: shows or replaces the roles of a person. */
export const userRole: Register = (users, cli) => {
  users
    .command('role')
    .summary('show or replace the roles of a person')
    .description(
      'Without a role: shows the roles of a person in every tenant. With roles: gives the person exactly these in one tenant. A client of the person loses what a lost role permitted when it next obtains a token.',
    )
    .argument('<user>', 'e-mail address or id')
    .argument('[roles...]', 'member, admin')
    .option('--tenant <tenant>', 'id or name of the tenant (default: default)')
    .option('--force', 'also takes the role admin from the last administrator')
    .addHelpText(
      'after',
      `
${ROLES_HELP}

Examples:
  $ ${GATEHOUSE} user role ada@example.com
  $ ${GATEHOUSE} user role ada@example.com admin
  $ ${GATEHOUSE} user role ada@example.com member`,
    )
    .action(async (argument: string, wanted: readonly string[], { tenant, force }: Options) => {
      if (wanted.length === 0 && (tenant !== undefined || force)) {
        throw new UsageError('--tenant and --force need the roles that the person is given.');
      }
      await cli.withStore(async ({ installation, cause }) => {
        const { id, email } = await findUser(installation, argument);
        if (wanted.length > 0) {
          await installation.users.setRoles(id, wanted, cause, { tenant: tenant ?? DEFAULT_TENANT, force });
        }
        const roles = await installation.users.roles(id);
        const lines = roles.map((one) => `${one.roles.join(' and ')} of the tenant ${one.tenant}`);
        return {
          json: {
            id,
            email,
            roles: roles.map((one) => ({ tenant: one.tenant, roles: one.roles })),
          },
          text: `${printable(email)} is ${lines.length === 0 ? 'a member of no tenant' : printable(lines.join(', '))}.`,
        };
      });
    });
};
