import type { AuditRecord } from '../list.ts';

import {
  type Attempt,
  detailOf,
  type Gathered,
  type Patience,
  type StageOutcome,
  TRACE_STAGES,
} from './attempt.ts';

type Told = Omit<StageOutcome, 'stage'>;

const NOT_REACHED: Told = { state: 'not_reached' };

/** Puts an attempt together: each stage as the records tell it, until the first that was not passed. */
export function attemptOf({ records, registration }: Gathered, patience: Patience, now: Date): Attempt {
  const [first] = records;
  if (!first) throw new Error('an attempt has a record');
  const last = (...events: readonly string[]) => records.findLast(({ event }) => events.includes(event));
  const facts: Facts = { records, registration, patience, now, last };

  const stages: StageOutcome[] = [];
  let stopped: StageOutcome | undefined;
  for (const stage of TRACE_STAGES) {
    const outcome = { stage, ...(stopped ? NOT_REACHED : TELL[stage](facts)) };
    stages.push(outcome);
    if (outcome.state === 'stopped' || outcome.state === 'waiting') stopped ??= outcome;
  }
  const grant = last('grant.issued')?.grant ?? records.find((record) => record.grant !== undefined)?.grant;
  const started = last('authorization.started');
  const ended = last('grant.revoked', 'refresh.reused', 'code.reused');
  const made = last('token.issued') !== undefined;
  const known = (name: 'client' | 'subject' | 'resource' | 'network') =>
    records.find((record) => record[name] !== undefined)?.[name];
  return {
    ...defined({
      flow: detailOf(started ?? first, 'flow'),
      grant,
      client: known('client'),
      subject: known('subject'),
      resource: known('resource'),
      network: known('network'),
      redirect_host: detailOf(started, 'redirect_host'),
    }),
    request_id: first.request_id,
    began: first.time,
    stages,
    ...(stopped?.state === 'stopped' ? { stopped } : {}),
    ...(made && ended
      ? { ended: { at: ended.time, event: ended.event, ...defined({ reason: ended.reason }) } }
      : {}),
  };
}

interface Facts extends Gathered {
  readonly patience: Patience;
  readonly now: Date;
  /** The last record of one of these events. */
  readonly last: (...events: readonly string[]) => AuditRecord | undefined;
}

/** What each stage leaves in the trail. */
const TELL: Readonly<Record<StageOutcome['stage'], (facts: Facts) => Told>> = {
  // Whoever fetches them leaves a line in the access log, and no record.
  metadata: () => ({ state: 'not_recorded' }),

  registration({ registration, records }) {
    const rejected = records.find(({ event }) => event === 'client.rejected');
    if (rejected) return stoppedBy(rejected);
    const known = registration.at(-1);
    return known ? passedBy(known) : { state: 'not_recorded' };
  },

  authorize({ last }) {
    const passed =
      last('authorization.started') ??
      last('signin.succeeded', 'consent.granted', 'grant.issued', 'token.issued');
    if (passed) return passedBy(passed);
    const refused = last(
      'authorization.rejected',
      'authorization.denied',
      'request.throttled',
      'client.authentication_failed',
      'token.rejected',
    );
    return refused ? stoppedBy(refused) : NOT_REACHED;
  },

  sign_in({ last, ...facts }) {
    const signedIn = last('signin.succeeded');
    if (signedIn) return passedBy(signedIn);
    const later = last(
      'consent.granted',
      'consent.denied',
      'consent.rejected',
      'grant.issued',
      'token.issued',
    );
    const before = detailOf(last('authorization.started'), 'prompt') === 'consent';
    if (later || before) return { state: 'passed', reason: 'signed_in_already' };
    const refused =
      last('signin.failed', 'signin.throttled', 'signin.rejected') ??
      last('authorization.rejected', 'authorization.denied');
    return refused ? stoppedBy(refused) : leftOrWaiting(facts);
  },

  consent({ last, ...facts }) {
    const granted = last('consent.granted');
    if (granted) return passedBy(granted);
    if (last('grant.issued', 'token.issued')) return { state: 'passed', reason: 'not_asked' };
    const refused =
      last('consent.denied') ?? last('consent.rejected', 'authorization.denied', 'authorization.rejected');
    return refused ? stoppedBy(refused) : leftOrWaiting(facts);
  },

  callback({ last, ...facts }) {
    const issued = last('grant.issued') ?? last('token.issued');
    if (issued) return passedBy(issued);
    const refused = last('authorization.denied', 'authorization.rejected');
    return refused ? stoppedBy(refused) : leftOrWaiting(facts);
  },

  token({ last, patience, now }) {
    const issued = last('token.issued');
    if (issued) return passedBy(issued);
    const refused = last('token.rejected', 'code.reused', 'client.authentication_failed');
    if (refused) return stoppedBy(refused);
    const until = Date.parse(last('grant.issued')?.time ?? '') + patience.code * 1000;
    return until > now.getTime() ? { state: 'waiting' } : { state: 'stopped', reason: 'never_came' };
  },

  first_call({ last }) {
    // An MCP server verifies its tokens by itself, and one that asks is not recorded when all is well.
    const refreshed = last('refresh.rotated', 'refresh.replayed');
    return refreshed ? passedBy(refreshed) : { state: 'not_recorded' };
  },
};

/** A person who was asked and did not answer leaves nothing: only time tells. */
function leftOrWaiting({ records, patience, now }: Omit<Facts, 'last'>): Told {
  const since = Date.parse(records[0]?.time ?? '');
  return since + patience.interaction * 1000 > now.getTime()
    ? { state: 'waiting' }
    : { state: 'stopped', reason: 'left' };
}

function passedBy({ time }: AuditRecord): Told {
  return { state: 'passed', at: time };
}

function stoppedBy(record: AuditRecord): Told {
  const { time, reason, event } = record;
  return {
    state: 'stopped',
    at: time,
    reason: reason ?? event,
    ...defined({ why: detailOf(record, 'why') }),
  };
}

/** Without the members that are not there. */
function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}
