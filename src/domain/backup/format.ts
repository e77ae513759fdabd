import { createHmac, type Hmac } from 'node:crypto';
import { z } from 'zod';

import { InvalidInput } from '../../kernel/errors.ts';
import type { MasterSealer } from '../../platform/crypto/seal.ts';

/**
 * A backup is gzip of UTF-8 lines, each of them JSON:
 *
 *     {"gatehouse_backup":1,…}           the header
 *     {"table":"tenants"}                what the following rows are rows of
 *     ["ten_default","default",…]        PostgreSQL's text of each column named in the header, or null
 *     {"seal":"…"}                       HMAC-SHA256 of all bytes before, under a key derived from the master key
 */
export const FORMAT = 1;

const Header = z.object({
  gatehouse_backup: z.literal(FORMAT),
  /** The moment that the rows are of, RFC 3339. */
  made_at: z.iso.datetime({ offset: true }),
  /** The version of Gatehouse that wrote it. */
  made_by: z.string(),
  installation: z.string().nullable(),
  /** Tells one master key from another and says nothing about it. */
  master_key: z.string(),
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })).min(1),
  tables: z.array(
    z.object({ name: z.string(), columns: z.array(z.string()).min(1), rows: z.number().int().min(0) }),
  ),
});

export type Header = z.infer<typeof Header>;

/** A line that is no row. */
const Mark = z.union([z.strictObject({ table: z.string() }), z.strictObject({ seal: z.string() })]);

export type Mark = z.infer<typeof Mark>;

/** How a master key is recognized: 96 bits of a derivation that leads nowhere else. */
export function fingerprintOf(sealer: MasterSealer): string {
  return sealer.derive('backup fingerprint').subarray(0, 12).toString('base64url');
}

/** The seal of a stream in the making; every byte goes through it, and line ends too. */
export function createSeal(sealer: MasterSealer): Hmac {
  return createHmac('sha256', sealer.derive('backup seal'));
}

/** @throws InvalidInput */
export function parseHeader(line: string): Header {
  const value = parseJson(line);
  const { gatehouse_backup: format } = (value ?? {}) as { gatehouse_backup?: unknown };
  if (typeof format === 'number' && format > FORMAT) {
    throw new InvalidInput(
      `the backup has format ${format}, and this version of Gatehouse reads ${FORMAT}: restore it with the version that made it, or a later one`,
    );
  }
  const header = Header.safeParse(value);
  if (!header.success) throw new InvalidInput('this is no backup of Gatehouse');
  return header.data;
}

/** @throws InvalidInput */
export function parseMark(line: string): Mark {
  const mark = Mark.safeParse(parseJson(line));
  if (!mark.success) throw damaged();
  return mark.data;
}

export function damaged(cause?: unknown): InvalidInput {
  return new InvalidInput(
    'the backup is damaged or was altered; nothing was restored',
    cause === undefined ? {} : { cause },
  );
}

export function truncated(cause?: unknown): InvalidInput {
  return new InvalidInput(
    'the backup ends too early, its end is missing; nothing was restored',
    cause === undefined ? {} : { cause },
  );
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
