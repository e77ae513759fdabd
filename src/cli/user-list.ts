import type { ListedUser } from '../domain/users/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Register } from './cli.ts';
import { minute, table } from './output.ts';

/** `user list`: everyone, by address, and how each signs in. */
export const userList: Register = (users, cli) => {
  users
    .command('list')
    .summary('list people')
    .description('Lists people by address, with their roles and how each signs in.')
    .option('--tenant <tenant>', 'members of this tenant only (id or name)')
    .action(({ tenant }: { readonly tenant?: string }) =>
      cli.withStore(async ({ installation }) => {
        const found = await installation.users.list(tenant);
        return {
          json: found.map((user) => ({
            id: user.id,
            email: user.email,
            name: user.name,
            roles: user.roles.map((one) => ({ tenant: one.tenant, roles: one.roles })),
            sign_in: {
              possible: user.canSignIn && user.disabledAt === undefined,
              passkeys: user.factors.passkeys,
              password: user.factors.password,
              totp: user.factors.totp,
              link_expires_at: user.linkExpiresAt,
            },
            disabled: user.disabledAt !== undefined,
            created_at: user.createdAt,
            disabled_at: user.disabledAt,
          })),
          text: table(
            found,
            [
              ['email', (user) => user.email],
              ['name', (user) => user.name],
              ['roles', rolesOf],
              ['signs in with', signsInWith],
              ['state', (user) => (user.disabledAt ? `disabled ${minute(user.disabledAt)}` : 'active')],
              ['added', (user) => minute(user.createdAt)],
              ['id', (user) => user.id],
            ],
            `There are no people yet. Add a person with: ${GATEHOUSE} user add`,
          ),
        };
      }),
    );
};

function rolesOf({ roles }: ListedUser): string {
  return roles
    .flatMap((one) =>
      one.tenant === 'default' ? one.roles : one.roles.map((role) => `${one.tenant}/${role}`),
    )
    .join(', ');
}

function signsInWith({ factors, canSignIn, linkExpiresAt }: ListedUser): string {
  const { passkeys, password, totp } = factors;
  if (canSignIn) {
    const ways = [
      ...(passkeys > 0 ? [`${passkeys} ${passkeys === 1 ? 'passkey' : 'passkeys'}`] : []),
      ...(password && totp ? ['password + code'] : []),
    ];
    return ways.join(', ');
  }
  if (linkExpiresAt) return `nothing yet: link until ${minute(linkExpiresAt)}`;
  return `nothing: ${GATEHOUSE} user reset`;
}
