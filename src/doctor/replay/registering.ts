import { GATEHOUSE } from '../../kernel/command-line.ts';
import { describe, isHtml, isOAuthError, isOurs, jsonOf, listed, plain, told } from '../answers.ts';
import { endpointOf } from '../examination.ts';
import { type Answer, isReply } from '../probe.ts';

import { letInCommand } from './remedies.ts';
import { type Play, type Registered, type Replay, type Step, stepsOf } from './step.ts';

const { ok, problem, warning, not_checked } = stepsOf('registration');

type Body = Readonly<Record<string, unknown>>;

/**
 * A redirect that no server may register (RFC 8252 §7, OAuth 2.1 §2.3.1). Sent as the last of a client's
 * own, it has the server read the registration up to there and refuse it: nothing is registered.
 */
const REFUSED = 'http://gatehouse-doctor.invalid/callback';

/** Sends the registration of this client, made so that it has to be refused, and reads what it is refused for. */
export async function sendToBeRefused(replay: Replay, body: Body): Promise<Step> {
  const redirects = listed(body, 'redirect_uris');
  const answer = await send(replay, { ...body, redirect_uris: [...redirects, REFUSED] });
  if (isReply(answer) && answer.status === 201) return registeredAllTheSame(answer);
  return refusedBefore(replay, answer) ?? judge(replay, redirects, answer);
}

/** Registers this client; `removeRegistered` takes it away again. */
export async function registerForAWhile(replay: Replay, body: Body): ReturnType<Play> {
  const answer = await send(replay, body);
  const document = jsonOf(answer);
  const clientId = told(document, 'client_id');
  if (!isReply(answer) || answer.status !== 201 || clientId === undefined) {
    const step = refusedBefore(replay, answer) ?? judge(replay, listed(body, 'redirect_uris'), answer);
    return [step.level === 'ok' ? problem('is refused', letInCommand(replay)) : step, replay];
  }
  const [url, token] = [
    told(document, 'registration_client_uri'),
    told(document, 'registration_access_token'),
  ];
  const registered: Registered = {
    clientId,
    secret: told(document, 'client_secret'),
    management: url === undefined || token === undefined ? undefined : { url, token },
  };
  return [ok('registers itself'), { ...replay, registered, clientId }];
}

/** Removes what a replay registered (RFC 7592 §2.3); says so only where that did not work. */
export async function removeRegistered({ registered, examination }: Replay): Promise<readonly Step[]> {
  if (!registered) return [];
  const { clientId, management } = registered;
  const answer =
    management &&
    (await examination.ask(management.url, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${management.token}` },
    }));
  if (answer && isReply(answer) && answer.status === 204) return [];
  const why = answer ? describe(answer) : 'the server gives out no registration access token';
  return [
    warning(
      `was registered as ${plain(clientId)} and not removed again (${why})`,
      `${GATEHOUSE} client remove ${plain(clientId)}`,
    ),
  ];
}

function send({ examination, metadata }: Replay, body: Body): Promise<Answer> {
  return examination.ask(endpointOf({ ...examination, metadata }, 'registration_endpoint'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  });
}

/** Whatever kept the registration from being read; `undefined` when it was read. */
function refusedBefore(replay: Replay, answer: Answer): Step | undefined {
  if (isReply(answer) && answer.status === 429)
    return not_checked('was not checked, because this network registers too often; try again later');
  if (isReply(answer) && answer.status === 401) {
    return problem(
      'cannot register itself: the server wants an initial access token, and it has none',
      letInCommand(replay),
    );
  }
  if (isReply(answer) && answer.status < 500 && isOAuthError(answer)) return undefined;
  const whose = isHtml(answer) && !isOurs(answer) ? ' that is not of Gatehouse' : '';
  return problem(
    `cannot register itself: the registration endpoint answers ${describe(answer)}${whose}`,
    'Let the proxy hand POST /register on to Gatehouse, and its answer back.',
  );
}

/** RFC 7591 §3.2.2: the server has to refuse what was added, and nothing before it. */
function judge(replay: Replay, redirects: readonly string[], answer: Answer): Step {
  const refusal = jsonOf(answer);
  const why = plain(told(refusal, 'error_description') ?? told(refusal, 'error') ?? '');
  const index = Number(/redirect_uris\[(\d+)\]/.exec(why)?.[1] ?? redirects.length);
  const culprit = redirects[index];
  if (culprit !== undefined)
    return problem(`is refused for its redirect ${culprit}: ${why}`, letInCommand(replay));
  return told(refusal, 'error') === 'invalid_redirect_uri'
    ? ok(
        'may register itself: its registration was sent with a redirect that has to be refused, and only that was',
      )
    : problem(`is refused: ${why}`, letInCommand(replay));
}

function registeredAllTheSame(answer: Answer): Step {
  const id = plain(told(jsonOf(answer), 'client_id') ?? 'a client');
  return problem(
    `was registered as ${id} with a redirect to ${REFUSED}, which must be refused: codes would travel in the clear`,
    `${GATEHOUSE} client remove ${id}, and find out who answers at the registration endpoint.`,
  );
}
