import { createHash, randomBytes } from 'node:crypto';

import { describe, header, isOurs, listed, locationOf, plain, textOf, told } from '../answers.ts';
import { documentFault } from '../document-fault.ts';
import { endpointOf } from '../examination.ts';
import { type Answer, isReply, type Reply } from '../probe.ts';

import { byWhom } from './discovery.ts';
import { documentRemedy, refusalRemedy } from './remedies.ts';
import { type Play, type Replay, type Step, stepsOf } from './step.ts';

const { ok, problem, not_checked, warning } = stepsOf('authorization');

/** What a server says to somebody who is not signed in and may not be asked (OpenID Connect Core §3.1.2.6). */
const ASKS_FIRST = new Set([
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]);

/**
 * The authorization request of this client, with `prompt=none`: the server judges all of it and answers at
 * the redirect that somebody would have to sign in. No page is shown and nothing is kept.
 */
export const playAuthorization: Play = async (replay) => {
  const { clientId, examination, registration } = replay;
  if (clientId === undefined) {
    const why =
      registration?.kind === 'document'
        ? 'every connection of it has a document of its own; give one with --document'
        : 'that would register it; with --register it is registered, tried and removed again';
    return [not_checked(`was not asked to sign in, because ${why}`), replay];
  }
  const state = randomBytes(16).toString('base64url');
  const url = requestUrl(replay, clientId, state);
  const answer = await examination.ask(url.href, { headers: { accept: 'text/html' } });
  return [await judge(replay, answer, state), replay];
};

function requestUrl(replay: Replay, clientId: string, state: string): URL {
  const { examination, metadata, protectedResource, redirectUri } = replay;
  const url = new URL(endpointOf({ ...examination, metadata }, 'authorization_endpoint'));
  const resource =
    protectedResource?.resource ?? examination.resource ?? examination.store?.resources[0]?.identifier;
  const scope = scopeOf(replay);
  const params = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
    state,
    prompt: 'none',
    ...(scope === undefined ? {} : { scope }),
    ...(resource === undefined ? {} : { resource }),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url;
}

/** What this client asks for. */
function scopeOf({ shape, metadata, protectedResource }: Replay): string | undefined {
  const { from, offline } = shape.scope;
  const announced = listed(metadata, 'scopes_supported');
  const base = from === 'server' ? announced.join(' ') : protectedResource?.scope;
  if (!base) return undefined;
  const more = offline && announced.includes('offline_access') && !base.split(' ').includes('offline_access');
  return more ? `${base} offline_access` : base;
}

async function judge(replay: Replay, answer: Answer, state: string): Promise<Step> {
  const location = locationOf(answer);
  if (location && sameAddress(location, replay.redirectUri)) return judgeRedirect(replay, location, state);
  if (isReply(answer) && answer.status === 429)
    return not_checked(
      'was not asked to sign in, because this network asks too often; try again in a minute',
    );
  if (location)
    return warning(`is led to ${location.origin}${location.pathname}, although no page may be shown`);
  if (!isReply(answer) || answer.status >= 500 || !isOurs(answer)) {
    return problem(
      `is answered with ${describe(answer)} instead of a sign-in${byWhom(answer)}`,
      'Let the proxy hand /authorize on to Gatehouse, for programs and browsers alike.',
    );
  }
  return refusedOnPage(replay, answer);
}

/** RFC 8252 §7.3: what it was sent with, port and all; the query is the server's. */
function sameAddress(location: URL, redirectUri: string): boolean {
  const sent = new URL(redirectUri);
  return (
    location.protocol === sent.protocol && location.host === sent.host && location.pathname === sent.pathname
  );
}

function judgeRedirect(replay: Replay, location: URL, state: string): Step {
  const { shape, metadata } = replay;
  const said = location.searchParams;
  const [error, iss] = [said.get('error') ?? '', said.getAll('iss')];
  const announced = metadata?.['authorization_response_iss_parameter_supported'] === true;
  const expected = told(metadata, 'issuer');
  const wrong = iss.some((value) => value !== expected) || (announced && iss.length !== 1);
  if (wrong && shape.iss === 'compared') {
    return problem(
      `throws the answer away, because its iss is ${iss.map(plain).join(' and ') || 'missing'} and not ${expected ?? 'known'} (RFC 9207)`,
      'Let no proxy rewrite the Location of /authorize, and set GATEHOUSE_ISSUER to the address that clients use.',
    );
  }
  if (said.get('state') !== state)
    return problem(
      'throws the answer away, because its state is not what was sent',
      'Let no proxy rewrite the Location of /authorize.',
    );
  if (ASKS_FIRST.has(error)) return ok(`is asked to sign in, and led back to ${replay.redirectUri}`);
  if (error === 'invalid_target' && replay.examination.resource === undefined && !replay.examination.store)
    return not_checked(
      'was not asked to sign in, because the server needs to know for which MCP server; name one with --resource',
    );
  const why = plain(said.get('error_description') ?? '');
  const reason =
    error === 'invalid_target' ? (/must name/.test(why) ? 'resource_missing' : 'resource_unknown') : error;
  return problem(`is refused: ${plain(error)}${why === '' ? '' : `, ${why}`}`, refusalRemedy(replay, reason));
}

/** RFC 6749 §4.1.2.1: what must not be told to the redirect is told to the person. The trail knows more. */
async function refusedOnPage(replay: Replay, answer: Reply): Promise<Step> {
  const { examination } = replay;
  const requestId = header(answer, 'x-request-id');
  const refusal = requestId === undefined ? undefined : await examination.store?.refusal(requestId);
  const onPage = /\b(?:invalid_[a-z_]+|unauthorized_client|access_denied)\b/.exec(textOf(answer))?.[0];
  const code = refusal?.reason ?? onPage ?? 'no reason';
  const more = refusal?.why;
  if (code === 'client_document' && more !== undefined) {
    const fault = documentFault(more);
    return problem(
      `is refused on a page, because ${plain(fault.says)}: its metadata document cannot be used (${code})`,
      documentRemedy(replay, fault),
    );
  }
  const says = `is refused on a page: ${plain(code)}${more ? ` (${plain(more)})` : ''}`;
  return problem(says, refusalRemedy(replay, code));
}
