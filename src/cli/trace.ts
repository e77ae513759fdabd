import { isIP } from 'node:net';
import { findAttempts, type TraceSubject } from '../domain/audit/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { NotFound } from '../kernel/errors.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { findUser } from './find-user.ts';
import { readSince } from './since.ts';
import { traceText } from './trace-report.ts';

interface Options {
  readonly since: string;
}

/** `trace`: how far the attempts of a client to connect came, and what stopped them. */
export const trace: Register = (program, cli) => {
  program
    .command('trace')
    .summary('see how far a client came that tried to connect')
    .description(
      'Tells from the audit trail how far attempts to connect came: registration, authorize, sign-in, consent, callback, token, first call; and what stopped them.',
    )
    .argument(
      '<what>',
      'a user (e-mail address or usr_…), a flow (flw_…), a client_id, the request id of an error page (req_…), a grant (grt_…), or the network address of the caller',
    )
    .option('--since <time>', 'from this time on: 2026-11-21T08:00:00Z, or how long ago: 30m, 12h, 7d', '24h')
    .addHelpText(
      'after',
      `
Examples:
  $ ${GATEHOUSE} trace grace@example.com --since 7d
  $ ${GATEHOUSE} trace req_3q2-7wAAAAAAAAAAAAAAAA
  $ ${GATEHOUSE} trace https://claude.ai/oauth/claude-code-client-metadata --since 1h`,
    )
    .action(async (what: string, options: Options) => {
      const named = nameOf(what);
      const since = readSince(options.since, new Date());
      await cli.withStore(async ({ config, database, installation }) => {
        const subject =
          'email' in named ? { subject: (await findUser(installation, named.email)).id } : named;
        const { interaction, code } = config.lifetimes;
        const now = await database.pool.query<{ now: Date }>('SELECT now()');
        const attempts = await findAttempts(database.prisma, subject, {
          since,
          patience: { interaction, code },
          now: now.rows[0]?.now ?? new Date(),
        });
        if (attempts.length === 0) throw nothing(what, since);
        return { json: { attempts }, text: traceText(attempts) };
      });
    });
};

/** Reads what is to be traced; the id of a user who is named by an address is in the store. */
function nameOf(what: string): TraceSubject | { readonly email: string } {
  if (what.startsWith('usr_')) return { subject: what };
  if (what.startsWith('flw_')) return { flow: what };
  if (what.startsWith('grt_')) return { grant: what };
  if (what.startsWith('req_')) return { requestId: what };
  if (isIP(what) !== 0) return { network: what };
  if (/^(?:cli_|https:\/\/)[\x21-\x7e]+$/.test(what)) return { client: what };
  if (what.includes('@') && !/[\s:/]/.test(what)) return { email: what };
  throw new UsageError(
    `${what} names nothing that can be traced: give a user (e-mail address or usr_…), a flow (flw_…), a client_id (cli_… or its URL), a request id (req_…), a grant (grt_…) or a network address.`,
  );
}

function nothing(what: string, since: Date): NotFound {
  if (what.startsWith('req_')) {
    return new NotFound(
      `Nothing is recorded of ${what} since ${since.toISOString()}. Refusals that repeat within a minute are counted, and only the first is recorded with its request: trace the network address of the caller, or the client_id.`,
    );
  }
  return new NotFound(
    `Nothing is recorded of ${what} since ${since.toISOString()}. A client that only fetched metadata leaves no record. To see what a client sees of this server: ${GATEHOUSE} doctor.`,
  );
}
