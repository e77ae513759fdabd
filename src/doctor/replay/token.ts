import { randomBytes } from 'node:crypto';
import { GATEHOUSE } from '../../kernel/command-line.ts';

import { describe, header, isOAuthError, jsonOf, told } from '../answers.ts';
import { allows, PAGE } from '../checks/cors.ts';
import { FORM } from '../checks/errors.ts';
import { endpointOf } from '../examination.ts';
import { isReply } from '../probe.ts';

import { byWhom } from './discovery.ts';
import { type Play, stepsOf } from './step.ts';

const { ok, problem, not_checked } = stepsOf('token');

/** The token request of this client, with a code that nobody issued: it has to be refused as `invalid_grant`. */
export const playToken: Play = async (replay) => {
  const {
    shape,
    clientId = '',
    examination,
    metadata,
    registration,
    registered,
    protectedResource,
    redirectUri,
  } = replay;
  if (registration?.kind === 'document' && registration.authenticates !== undefined)
    return [
      not_checked(`did not come to the token endpoint, because only ${shape.name} has its key`),
      replay,
    ];
  const url = endpointOf({ ...examination, metadata }, 'token_endpoint');
  const resource = protectedResource?.resource ?? examination.resource;
  const answer = await examination.ask(url, {
    method: 'POST',
    headers: { ...FORM, accept: 'application/json', ...(shape.from === 'browser' ? { origin: PAGE } : {}) },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      ...(registered?.secret === undefined ? {} : { client_secret: registered.secret }),
      code: randomBytes(32).toString('base64url'),
      code_verifier: randomBytes(32).toString('base64url'),
      redirect_uri: redirectUri,
      ...(resource === undefined ? {} : { resource }),
    }).toString(),
  });
  if (!isReply(answer) || !isOAuthError(answer)) {
    return [
      problem(
        `cannot read the answer of the token endpoint: ${describe(answer)}${byWhom(answer)}`,
        'Let the answers of /token through as they are, and let no firewall judge them.',
      ),
      replay,
    ];
  }
  if (shape.from === 'browser' && !allows(header(answer, 'access-control-allow-origin')))
    return [
      problem(
        'cannot read the answer of the token endpoint from the browser',
        'Let the proxy pass the Access-Control-* headers.',
      ),
      replay,
    ];
  const error = told(jsonOf(answer), 'error');
  if (answer.status === 429)
    return [not_checked('did not come to the token endpoint, because this network is told to wait'), replay];
  const byDocument = registration?.kind === 'document';
  if (byDocument && error === 'invalid_client')
    return [ok('reaches the token endpoint, where it is known once somebody has consented to it'), replay];
  if (error === 'invalid_grant')
    return [ok('is heard at the token endpoint, where a made-up code is refused'), replay];
  return [
    problem(
      `is refused at the token endpoint with ${describe(answer)} before its code is looked at`,
      `See what the trail says of it: ${GATEHOUSE} audit list --event client.authentication_failed --since 10m`,
    ),
    replay,
  ];
};
