import type { Readable } from 'node:stream';
import type { Pool, PoolClient } from 'pg';

import type { Cause } from '../../kernel/cause.ts';
import type { MasterSealer } from '../../platform/crypto/seal.ts';
import { migrateWithin, PLAIN_TEXT, transactionOnce } from '../../platform/database/index.ts';
import { recordAuditOn } from '../audit/index.ts';
import { MasterKeyRefused, openDataKeysWithin, revokeEveryKey } from '../keys/index.ts';

import { createDestination } from './destination.ts';
import { type EndedAccess, endAllAccess } from './end-all-access.ts';
import {
  createSeal,
  damaged,
  fingerprintOf,
  type Header,
  parseHeader,
  parseMark,
  truncated,
} from './format.ts';
import { readLines } from './lines.ts';

export interface RestoreDeps {
  readonly pool: Pool;
  readonly sealer: MasterSealer;
}

export interface RestoreSummary {
  /** The moment that the backup is of. What happened since is not in it. */
  readonly madeAt: Date;
  readonly installation: string | undefined;
  readonly rows: number;
  readonly ended: EndedAccess;
}

/**
 * Makes an empty database the installation that a backup was made of, and ends whatever had been granted.
 * One transaction: when anything is wrong nothing has changed.
 *
 * The rows are written while they are read, so memory does not grow with the backup, and what they were
 * worth is known at the end, from the seal.
 *
 * @throws InvalidInput when the backup is none, is damaged or of a newer version.
 * @throws MasterKeyRefused when the backup was made under another master key.
 * @throws AlreadyExists when the database is not empty.
 */
export async function restoreBackup(
  { pool, sealer }: RestoreDeps,
  source: Readable,
  cause: Cause,
): Promise<RestoreSummary> {
  const lines = readLines(source);
  try {
    const first = await lines.next();
    if (first.done) throw truncated();
    const header = parseHeader(first.value.toString('utf8'));
    refuseOtherKey(header, sealer);
    const seal = createSeal(sealer).update(first.value).update('\n');

    return await transactionOnce(pool, async (client) => {
      await client.query(`SET LOCAL idle_in_transaction_session_timeout = 0; ${PLAIN_TEXT}`);
      const destination = await createDestination(client, header);
      const expected = await fill(lines, destination, (line) => seal.update(line).update('\n'));
      const rows = await destination.finish();
      if (expected !== seal.digest('base64url')) throw damaged();
      await migrateWithin(client);
      await openDataKeysWithin(client, sealer, cause);
      return settle(client, header, rows, cause);
    });
  } finally {
    await lines.return(undefined);
  }
}

function refuseOtherKey(header: Header, sealer: MasterSealer): void {
  if (header.master_key === fingerprintOf(sealer)) return;
  throw new MasterKeyRefused('backup');
}

/** Passes the rows on, and every line but the last to `seal`; answers what the last one says. */
async function fill(
  lines: AsyncGenerator<Buffer>,
  destination: Awaited<ReturnType<typeof createDestination>>,
  seal: (line: Buffer) => unknown,
): Promise<string> {
  let said: string | undefined;
  // By hand, because a loop would end the lines with itself.
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    if (said !== undefined) throw damaged();
    const line = next.value;
    const text = line.toString('utf8');
    if (text.startsWith('[')) {
      seal(line);
      await destination.row(text);
      continue;
    }
    const mark = parseMark(text);
    if ('seal' in mark) {
      said = mark.seal;
    } else {
      seal(line);
      await destination.table(mark.table);
    }
  }
  if (said === undefined) throw truncated();
  return said;
}

/** The records that follow come after those of the backup. */
const CONTINUE_AUDIT = `
  SELECT setval(pg_get_serial_sequence('audit_records', 'seq'), max(seq)) FROM audit_records HAVING max(seq) IS NOT NULL`;

async function settle(
  client: PoolClient,
  header: Header,
  rows: number,
  cause: Cause,
): Promise<RestoreSummary> {
  const ended = await endAllAccess(client);
  await revokeEveryKey(client);
  await client.query(CONTINUE_AUDIT);
  const { made_at: madeAt, made_by: madeBy, installation } = header;
  const detail = {
    made_at: madeAt,
    made_by: madeBy,
    installation,
    rows,
    grant_epoch: ended.epoch,
    grants: ended.grants,
    sessions: ended.sessions,
  };
  await recordAuditOn(client, { event: 'restore.completed', outcome: 'success', detail }, cause);
  return { madeAt: new Date(madeAt), installation: installation ?? undefined, rows, ended };
}
