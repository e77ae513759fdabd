import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '../../kernel/clock.ts';
import type { Sealer } from '../../platform/crypto/box.ts';

import { createFresh } from './fresh.ts';
import { secretPlace } from './sealed-places.ts';

/** What a secret is for; each purpose has its own. */
export type SecretPurpose = 'refresh-derivation' | 'cookies' | 'forms' | 'totp-proposals';

export interface VersionedSecret {
  readonly version: number;
  /** 32 bytes. */
  readonly key: Buffer;
}

export interface ServerSecret {
  /** The newest version; made on the first call, once for all processes. */
  current(): Promise<VersionedSecret>;
  /** One version, for values that were derived with it; `undefined` when there is none. */
  byVersion(version: number): Promise<VersionedSecret | undefined>;
  /** The newest version, read from the store: for a value that was refused because its version was dropped. */
  reload(): Promise<VersionedSecret>;
}

const NEWEST = 'SELECT version, sealed FROM server_secrets WHERE purpose = $1 ORDER BY version DESC LIMIT 1';
const BY_VERSION = 'SELECT version, sealed FROM server_secrets WHERE purpose = $1 AND version = $2';
const FIRST = `
  INSERT INTO server_secrets (purpose, version, sealed) VALUES ($1, 1, $2)
  ON CONFLICT (purpose, version) DO NOTHING`;

const SECRET_BYTES = 32;
/** A new version made elsewhere is followed within this time; the old ones stay valid anyway. */
const MAX_AGE_MS = 5_000;

/**
 * Secrets of the installation that many processes must share and that may be replaced one day: kept in
 * the database by purpose and version, sealed under a data key. A version never changes; a compromise deletes it.
 */
export function createServerSecrets({
  pool,
  sealer,
  clock,
}: {
  readonly pool: Pool;
  readonly sealer: Sealer;
  readonly clock: Clock;
}): (purpose: SecretPurpose) => ServerSecret {
  return (purpose) => {
    const known = new Map<number, Buffer>();
    const place = (version: number) => secretPlace(purpose, version);

    async function read(name: string, text: string, values: unknown[]): Promise<VersionedSecret | undefined> {
      const { rows } = await pool.query<{ version: number; sealed: Buffer }>({ name, text, values });
      const row = rows[0];
      if (!row) return undefined;
      const key = known.get(row.version) ?? (await sealer.open(place(row.version), row.sealed));
      known.set(row.version, key);
      return { version: row.version, key };
    }

    const readNewest = () => read('server-secrets-newest', NEWEST, [purpose]);

    async function newest(): Promise<VersionedSecret> {
      const found = await readNewest();
      if (found) return found;
      await pool.query({ text: FIRST, values: [purpose, sealer.seal(place(1), randomBytes(SECRET_BYTES))] });
      const made = await readNewest();
      if (!made) throw new Error(`the server secret for ${purpose} was removed while it was made`);
      return made;
    }

    const fresh = createFresh(newest, { clock, maxAge: MAX_AGE_MS, minAge: 0 });
    return {
      current: () => fresh.get(),
      reload: () => fresh.reload(),
      async byVersion(version) {
        const key = known.get(version);
        return key ? { version, key } : read('server-secrets-version', BY_VERSION, [purpose, version]);
      },
    };
  };
}
