import { randomUUID } from 'node:crypto';

import { describe, isHtml, jsonOf, locationOf } from '../answers.ts';
import type { Check } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { isReply } from '../probe.ts';

const { ok, problem, warning } = findingsOf('well_known');

/**
 * Clients guess at addresses, and go on to their next guess after a 404 alone: what answers a wrong guess
 * otherwise ends the search.
 */
export const checkWellKnown: Check = async ({ base, ask }) => {
  const { origin } = new URL(base);
  // Those of an MCP server on the same host are its own business.
  const guesses = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}/gatehouse-doctor-${randomUUID()}`,
  );
  const found: Finding[] = [];
  for (const url of guesses) {
    const answer = await ask(url);
    const path = new URL(url).pathname.replace(/-[\da-f-]{36}$/, '-…');
    if (isReply(answer) && answer.status === 404 && jsonOf(answer)) continue;
    if (isReply(answer) && answer.status === 404 && isHtml(answer)) {
      found.push(
        problem(
          `Something in front of the server answers the unknown path ${path} itself, with an HTML page.`,
          'Hand every path of this host on to Gatehouse, and let its 404 through (nginx: proxy_intercept_errors off).',
        ),
      );
    } else if (isReply(answer) && answer.status === 404) {
      found.push(warning(`The unknown path ${path} is a 404, but not in JSON.`, PASS));
    } else if (locationOf(answer)) {
      found.push(
        problem(
          `The unknown path ${path} is answered with ${describe(answer)}, and no client looks further.`,
          PASS,
        ),
      );
    } else {
      found.push(
        problem(`The unknown path ${path} is answered with ${describe(answer)} instead of a 404.`, PASS),
      );
    }
  }
  return found.length > 0 ? found.slice(0, 1) : [ok('Unknown well-known paths are a 404 in JSON.')];
};

const PASS = 'Hand every path of this host on to Gatehouse, and let its answers through.';
