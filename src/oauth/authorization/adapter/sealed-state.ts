import { createHash } from 'node:crypto';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import Provider, { errors } from 'oidc-provider';
import type { Pool } from 'pg';
import { widestPrefix } from '../../../kernel/network.ts';
import type { Sealer } from '../../../platform/crypto/box.ts';
import { originOf } from '../../../platform/http/index.ts';

const UPSERT = `
  INSERT INTO interactions (id_hash, kind, sealed, expires_at, network)
  VALUES ($1, $2, $3, now() + make_interval(secs => $4), $5)
  ON CONFLICT (id_hash) DO UPDATE SET sealed = EXCLUDED.sealed, expires_at = EXCLUDED.expires_at
  WHERE interactions.consumed_at IS NULL`;
const FIND =
  'SELECT sealed FROM interactions WHERE id_hash = $1 AND consumed_at IS NULL AND expires_at > now()';
const END = `
  UPDATE interactions SET consumed_at = now(), sealed = ''
  WHERE id_hash = $1 AND consumed_at IS NULL AND expires_at > now()`;

/**
 * Short-lived state of an authorization under way. Its id is what the browser holds, so the row is
 * found by the hash of it and its content is sealed: a copy of the table opens no interaction.
 *
 * The database decides who ends it: of two requests that resume one interaction, the second is
 * refused, and so one decision makes one code. An ended one leaves its hash behind, so that a form
 * that was still on its way cannot bring it back to life.
 */
export function sealedState(
  kind: string,
  { pool, sealer }: { readonly pool: Pool; readonly sealer: Sealer },
): Adapter {
  const key = (id: string) =>
    createHash('sha256')
      .update(JSON.stringify([kind, id]))
      .digest();
  const place = (hash: Buffer) => ({
    purpose: 'interaction',
    table: 'interactions',
    column: 'sealed',
    row: `${kind} ${hash.toString('base64url')}`,
  });

  return {
    async upsert(id, payload, expiresIn) {
      const hash = key(id);
      const { rowCount } = await pool.query({
        name: 'state-upsert',
        text: UPSERT,
        values: [hash, kind, sealer.seal(place(hash), JSON.stringify(payload)), expiresIn, prefixOfRequest()],
      });
      if (rowCount !== 1) throw alreadyAnswered();
    },

    async find(id) {
      const hash = key(id);
      const { rows } = await pool.query<{ sealed: Buffer }>({
        name: 'state-find',
        text: FIND,
        values: [hash],
      });
      const row = rows[0];
      return row && (JSON.parse((await sealer.open(place(hash), row.sealed)).toString()) as AdapterPayload);
    },

    async destroy(id) {
      const { rowCount } = await pool.query({ name: 'state-end', text: END, values: [key(id)] });
      if (rowCount !== 1) throw alreadyAnswered();
    },

    consume: unused,
    revokeByGrantId: unused,
    findByUid: unused,
    findByUserCode: unused,
  };
}

/** The widest prefix of the network that asks: of interactions no prefix may hold more than its share. */
function prefixOfRequest(): string | null {
  const network = Provider.ctx && originOf(Provider.ctx).network;
  return network === undefined ? null : widestPrefix(network);
}

function alreadyAnswered(): Error {
  return new errors.SessionNotFound('this authorization was already answered');
}

/** The library's model has more verbs than any of our models uses; an unexpected one must not pass as done. */
export async function unused(): Promise<never> {
  throw new Error('this model does not support that operation');
}
