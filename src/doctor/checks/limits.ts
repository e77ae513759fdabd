import { describe } from '../answers.ts';
import { type Check, endpointOf } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { type Answer, isReply } from '../probe.ts';

import { FORM } from './errors.ts';

const { ok, problem, warning } = findingsOf('limits');

/** Bytes of a `state`: that clients send, and that they may come to send. Gatehouse takes a request target of 16 KiB. */
const LONG_STATE = 3 * 1024;
const VERY_LONG_STATE = 9 * 1024;
/** Bytes of a form; Gatehouse takes 64 KiB. */
const LARGE_FORM = 40 * 1024;

/**
 * That a proxy takes requests as long as those of clients with long states, scopes and assertions. Each is
 * sent short and long: what is answered differently was cut on the way.
 */
export const checkLimits: Check = async (examination) => {
  const { ask } = examination;
  const authorize = (size: number) => {
    const query = new URLSearchParams({ client_id: UNKNOWN, state: 'x'.repeat(size) });
    return ask(`${endpointOf(examination, 'authorization_endpoint')}?${query}`);
  };
  const token = (size: number) => {
    const body = new URLSearchParams({ client_id: UNKNOWN, code: 'x'.repeat(size) }).toString();
    return ask(endpointOf(examination, 'token_endpoint'), { method: 'POST', headers: FORM, body });
  };
  const found: Finding[] = [];
  const short = await authorize(1);
  for (const [size, say] of [
    [LONG_STATE, problem],
    [VERY_LONG_STATE, warning],
  ] as const) {
    const long = await authorize(size);
    if (!differ(short, long)) continue;
    found.push(
      say(
        `An authorization request of ${size / 1024} KiB does not come through: ${describe(long)}.`,
        'Let the proxy take request lines of 16 KiB (nginx: large_client_header_buffers 4 32k).',
      ),
    );
    break;
  }
  const large = await token(LARGE_FORM);
  if (differ(await token(1), large)) {
    found.push(
      problem(
        `A token request of ${LARGE_FORM / 1024} KiB does not come through: ${describe(large)}.`,
        'Let the proxy take bodies of 64 KiB (nginx: client_max_body_size 64k).',
      ),
    );
  }
  return found.length > 0 ? found : [ok('Long addresses and large forms come through.')];
};

const UNKNOWN = 'cli_gatehouse-doctor';

function differ(one: Answer, other: Answer): boolean {
  return isReply(one) && (!isReply(other) || one.status !== other.status);
}
