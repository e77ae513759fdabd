import type { User } from '../domain/users/index.ts';
import type { Installation } from '../installation.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { NotFound } from '../kernel/errors.ts';

import { UsageError } from './failure.ts';

/**
 * The person whom a command names, by address or by id.
 *
 * @throws NotFound
 */
export async function findUser({ users }: Installation, name: string): Promise<User> {
  const user = name.startsWith('usr_') ? await users.find(name) : await users.findByEmail(name);
  if (!user) throw new NotFound(`there is no user ${name}; see: ${GATEHOUSE} user list`);
  return user;
}

/** Whom the command names, as its argument or with `--email`. */
export function nameOf(argument: string | undefined, email: string | undefined): string {
  const name = argument ?? email;
  if (name === undefined || (argument !== undefined && email !== undefined)) {
    throw new UsageError('Name one person, by e-mail address or by id.');
  }
  return name;
}
