import { AUDIT_EVENTS, type AuditRecord, listAudit } from '../domain/audit/index.ts';
import type { Installation } from '../installation.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { findUser } from './find-user.ts';
import { table } from './output.ts';
import { readSince } from './since.ts';

interface Options {
  readonly since?: string;
  readonly event?: string;
  readonly subject?: string;
  readonly actor?: string;
  readonly client?: string;
  readonly grant?: string;
  readonly limit: string;
}

const MAX_LIMIT = 100_000;

/** `audit list`: what happened, oldest first. */
export const auditList: Register = (audit, cli) => {
  audit
    .command('list')
    .summary('list audit records')
    .description('Lists audit records, oldest first; of many, the newest.')
    .option('--since <time>', 'from this time on: 2026-11-21T08:00:00Z, or how long ago: 30m, 12h, 7d')
    .option('--event <event>', 'one event, for example grant.issued')
    .option('--subject <user>', 'about this person (e-mail address or id)')
    .option(
      '--actor <actor>',
      'done by this person (e-mail address or id), client or user of the operating system',
    )
    .option('--client <client_id>', 'about this client')
    .option('--grant <id>', 'about this grant')
    .option('--limit <number>', 'how many at the most', '1000')
    .addHelpText(
      'after',
      `
Events: ${AUDIT_EVENTS.join(' ')}

Example:
  $ ${GATEHOUSE} audit list --since 1h --subject ada@example.com`,
    )
    .action(async (options: Options) => {
      const since = options.since === undefined ? undefined : readSince(options.since, new Date());
      const { event, client, grant } = options;
      const limit = readLimit(options.limit);
      if (event !== undefined && !AUDIT_EVENTS.some((known) => known === event)) {
        throw new UsageError(`There is no event ${event}; see: ${GATEHOUSE} audit list --help`);
      }
      await cli.withStore(async ({ database, installation }) => {
        const subject = await idOf(installation, options.subject);
        const actor = await idOf(installation, options.actor);
        const records = await listAudit(database.prisma, {
          since,
          event,
          subject,
          actor,
          client,
          grant,
          limit,
        });
        const people = records.flatMap(({ subject, actor }) =>
          [subject, actor?.id].filter((id) => id !== undefined),
        );
        const emails = await installation.users.emails(people);
        return { json: records, text: toTable(records, emails) };
      });
    });
};

/** An id stands for itself: the trail remembers people and services that are gone. */
async function idOf(installation: Installation, given: string | undefined): Promise<string | undefined> {
  return given?.includes('@') ? (await findUser(installation, given)).id : given;
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new UsageError(`--limit ${text} is no number from 1 to ${MAX_LIMIT}.`);
}

/** What an actor is called in the table: a person by address and id, anything else by kind and id. */
function nameOf({ actor }: AuditRecord, emails: ReadonlyMap<string, string>): string | undefined {
  if (actor === undefined) return undefined;
  const kind = actor.type === 'user' ? emails.get(actor.id ?? '') : actor.type.replace('_', ' ');
  return [kind, actor.id].filter(Boolean).join(' ');
}

/** Shows users by address beside their id: an address can change, and a removed user has none. */
function toTable(records: readonly AuditRecord[], emails: ReadonlyMap<string, string>): string {
  const shownSubject = ({ subject }: AuditRecord) =>
    subject && [emails.get(subject), subject].filter(Boolean).join(' ');
  return table(
    records,
    [
      ['time', (record) => record.time],
      ['event', (record) => record.event],
      ['outcome', (record) => record.outcome],
      ['reason', (record) => record.reason],
      ['by', (record) => nameOf(record, emails)],
      ['subject', shownSubject],
      ['client', (record) => record.client],
      ['grant', (record) => record.grant],
      ['network', (record) => record.network],
    ],
    'No record matches.',
  );
}
