import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `user list`: everyone, by address. */
export const userList: Register = (users, cli) => {
  users
    .command('list')
    .summary('list people')
    .description('Lists people by address.')
    .option('--tenant <tenant>', 'members of this tenant only (id or name)')
    .action(({ tenant }: { readonly tenant?: string }) =>
      cli.withStore(async ({ installation }) => {
        const found = await installation.users.list(tenant);
        return {
          json: found.map((user) => ({
            id: user.id,
            email: user.email,
            name: user.name,
            disabled: user.disabledAt !== undefined,
            created_at: user.createdAt,
            disabled_at: user.disabledAt,
          })),
          text: table(
            found,
            [
              ['email', (user) => user.email],
              ['name', (user) => user.name],
              ['state', (user) => (user.disabledAt ? `disabled ${minute(user.disabledAt)}` : 'active')],
              ['added', (user) => minute(user.createdAt)],
              ['id', (user) => user.id],
            ],
            'Nobody is registered yet. Add a person with: gatehouse user add',
          ),
        };
      }),
    );
};
