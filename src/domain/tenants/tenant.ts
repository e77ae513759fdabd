import type { Pool } from 'pg';

import { NotFound } from '../../kernel/errors.ts';

import type { Db } from './store.ts';

const SEED = `
  WITH tenant AS (
    INSERT INTO tenants (id, name) VALUES ($1, 'default') ON CONFLICT DO NOTHING RETURNING id
  )
  INSERT INTO roles (id, tenant_id, name)
  SELECT 'rol_default_' || name, tenant.id, name FROM tenant, unnest(ARRAY['member', 'admin']) AS name`;

/**
 * Makes the tenant `default` with its roles `member` and `admin`, which permit nothing yet, if this database has none yet.
 *
 * Any number of processes may call it at once. What an administrator changed afterwards stays:
 * only the process whose insert made the tenant makes its roles.
 */
export async function seedDefaultTenant(pool: Pool, id: string): Promise<void> {
  await pool.query(SEED, [id]);
}

/**
 * The id of a tenant given by id or by name.
 *
 * @throws NotFound
 */
export async function findTenant(db: Db, idOrName: string): Promise<string> {
  const tenant = await db.tenant.findFirst({ where: { OR: [{ id: idOrName }, { name: idOrName }] } });
  if (!tenant) throw new NotFound(`there is no tenant ${idOrName}`);
  return tenant.id;
}

/** Holds the tenant's row until the transaction ends, so that what must happen once per tenant happens once. */
export async function lockTenant(tx: Db, tenantId: string): Promise<void> {
  await tx.$queryRaw`SELECT id FROM tenants WHERE id = ${tenantId} FOR NO KEY UPDATE`;
}
