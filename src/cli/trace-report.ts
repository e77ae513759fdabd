import { documentFault } from '../doctor/document-fault.ts';
import type { Attempt, StageOutcome, StageState, TraceStage } from '../domain/audit/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';

import { printable, table } from './output.ts';

const STATES: Readonly<Record<StageState, string>> = {
  passed: 'passed',
  stopped: 'STOPPED',
  waiting: 'waiting',
  not_reached: '-',
  not_recorded: 'not recorded',
};

const STAGES: Readonly<Record<TraceStage, string>> = {
  metadata: 'metadata',
  registration: 'registration',
  authorize: 'authorize',
  sign_in: 'sign-in',
  consent: 'consent',
  callback: 'callback',
  token: 'token',
  first_call: 'first call',
};

/** What a word of the trail means to whoever has to do something about it. */
const REASONS: Readonly<Record<string, string>> = {
  signed_in_already: 'the person was signed in already',
  not_asked: 'the person was not asked again',
  left: 'the person did not go on, and then it was too late',
  never_came: `the client never came for its token: nothing listened at the redirect, or it threw the answer away (see: ${GATEHOUSE} doctor)`,
  unknown_client: 'the client_id is not known here; the client has to forget its connection and begin again',
  client_removed: `the client was removed here: one with a metadata document stays barred until it is admitted again (see: ${GATEHOUSE} client allow, ${GATEHOUSE} client catalogue enable); any other has to forget its client_id and register again`,
  client_document: 'the metadata document of the client cannot be used',
  client_not_allowed: `no rule lets this client in (see: ${GATEHOUSE} client allow)`,
  client_awaits_review: `the client waits for an administrator (see: ${GATEHOUSE} client requests)`,
  client_documents_off: 'clients with a metadata document are not let in here (GATEHOUSE_METADATA_DOCUMENTS)',
  client_blocked: 'the client is blocked',
  redirect_uri: 'the redirect is not one of this client',
  resource_unknown: `the MCP server is not registered here (see: ${GATEHOUSE} resource list)`,
  resource_missing: 'the client did not say for which MCP server (GATEHOUSE_DEFAULT_RESOURCE)',
  login_required: 'nobody was signed in, and the client did not want a page',
  consent_required: 'somebody had to be asked, and the client did not want a page',
  interaction_ended: 'it was answered already, took too long, or was opened in another browser',
  denied_by_user: 'the person said no',
  not_permitted_by_role: 'the roles of the person permit none of it',
  above_client_trust: `this client may have none of it (see: ${GATEHOUSE} client list)`,
  password_not_proven: 'the e-mail address or the password was wrong',
  wrong_code: 'the one-time code was wrong',
  unknown_code: 'the code that it presented was never issued',
  pkce_mismatch: 'the verifier does not fit the challenge: another program, or two attempts at once',
  redirect_mismatch: 'the redirect is not the one that the code was issued for',
  client_mismatch: 'the code was issued to another client',
  expired: 'the code was too old: the client came too late for its token',
  code_reused: 'the code was presented twice, so the connection was ended',
  superseded: 'superseded: a newer connection of the same program in the same browser session replaced it',
};

const NOT_RECORDED: Readonly<Partial<Record<TraceStage, string>>> = {
  metadata: 'who fetched them is in the access log alone',
  registration: 'nothing is recorded of it',
  first_call: 'MCP servers verify tokens by themselves; nobody tells us',
};

/** All attempts in a table, and the stages of the newest. */
export function traceText(attempts: readonly Attempt[]): string {
  const newest = attempts.at(-1);
  if (!newest) return '';
  const all = table(
    attempts,
    [
      ['began', ({ began }) => began],
      ['attempt', nameOf],
      ['client', ({ client }) => client],
      ['network', ({ network }) => network],
      ['reached', reached],
      ['stopped by', ({ stopped }) => stopped?.reason],
    ],
    '',
  );
  const head = attempts.length === 1 ? [nameOf(newest)] : [all, '', `The newest, ${nameOf(newest)}:`];
  return [...head, ...describe(newest)].join('\n');
}

function nameOf({ flow, grant, request_id: requestId }: Attempt): string {
  return flow ?? grant ?? requestId;
}

function reached({ stages }: Attempt): string {
  const passed = stages.findLast(({ state }) => state === 'passed');
  return passed ? STAGES[passed.stage] : '-';
}

function describe(attempt: Attempt): readonly string[] {
  const { client, resource, redirect_host: redirect, network, subject, stages } = attempt;
  const facts = [
    `${printable(client ?? 'A client that did not say who it is')}${network ? `, from ${network}` : ''}`,
    ...(subject ? [`for ${subject}`] : []),
    ...(resource ? [`at ${printable(resource)}`] : []),
    ...(redirect ? [`back to ${printable(redirect)}`] : []),
  ];
  return [facts.join(', '), '', ...stages.map(stageLine), '', verdict(attempt)];
}

function verdict({ stages, stopped, ended }: Attempt): string {
  if (ended) return `It was connected, and has ended: ${words(ended.reason ?? ended.event)} (${ended.at}).`;
  if (stopped) return `It stopped at ${STAGES[stopped.stage]}: ${words(stopped.reason, stopped.why)}.`;
  const waiting = stages.find(({ state }) => state === 'waiting');
  if (waiting) return `It waits at ${STAGES[waiting.stage]}.`;
  const connected = stages.some(({ stage, state }) => stage === 'token' && state === 'passed');
  return connected ? 'It is connected.' : 'Nothing stopped it.';
}

function stageLine({ stage, state, at, reason, why }: StageOutcome): string {
  const more =
    reason === undefined ? (state === 'not_recorded' ? NOT_RECORDED[stage] : undefined) : words(reason, why);
  const cells = [STATES[state].padEnd(12), STAGES[stage].padEnd(12), (at ?? '').padEnd(24), more ?? ''];
  return cells.join('  ').trimEnd();
}

function words(reason: string | undefined, why?: string): string {
  const said = (reason === undefined ? undefined : REASONS[reason]) ?? reason ?? 'no reason was recorded';
  if (why === undefined) return printable(said);
  const exactly = reason === 'client_document' ? `because ${documentFault(why).says}` : `(${why})`;
  return printable(`${said} ${exactly}`);
}
