import { InvalidInput } from '../../kernel/errors.ts';
import { administersAlone } from '../tenants/index.ts';

import type { Db } from './store.ts';

/** What an administrator may insist on. */
export interface Insistence {
  /** Does it although no other person administers the tenant then. */
  readonly force?: boolean | undefined;
}

/**
 * Refuses an act that would leave a tenant without an enabled administrator. The caller holds the tenants'
 * locks.
 *
 * @throws InvalidInput
 */
export async function requireAnotherAdministrator(
  tx: Db,
  userId: string,
  { force = false, tenantId }: Insistence & { readonly tenantId?: string },
): Promise<void> {
  if (force) return;
  const alone = (await administersAlone(tx, userId)).find(({ id }) => id === (tenantId ?? id));
  if (alone === undefined) return;
  throw new InvalidInput(
    `this is the last administrator of the tenant ${alone.name}: give another person the role admin first, or repeat the command with --force`,
  );
}
