import { GATEHOUSE } from '../../kernel/command-line.ts';
import { describe, type Json, jsonOf, listed, told } from '../answers.ts';
import { type Check, endpointOf } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { isReply } from '../probe.ts';

const { ok, problem } = findingsOf('jwks');

/** RFC 7518 §6: what only the owner of a key has. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** RFC 7517: that MCP servers can get the keys, that they can use them, and that nothing private is among them. */
export const checkJwks: Check = async (examination) => {
  const url = endpointOf(examination, 'jwks_uri');
  const answer = await examination.ask(url);
  const document = jsonOf(answer);
  const keys = keysOf(document);
  if (!isReply(answer) || answer.status !== 200 || !keys || keys.length === 0) {
    return [
      problem(
        `The keys at ${url} cannot be read: ${describe(answer)}; no MCP server can verify a token.`,
        `Route /jwks to Gatehouse, and see with \`${GATEHOUSE} keys list\` that there is a key.`,
      ),
    ];
  }
  const found: Finding[] = [];
  if (keys.some((key) => PRIVATE.some((member) => member in key))) {
    found.push(
      problem(
        `The keys at ${url} have private members: whoever reads them can sign tokens.`,
        `Find out who answers there, and run: ${GATEHOUSE} keys rotate --compromised`,
      ),
    );
  }
  const ids = keys.map((key) => told(key, 'kid'));
  if (ids.includes(undefined) || new Set(ids).size !== ids.length)
    found.push(problem(`The keys at ${url} have no kid, or one twice.`, UNCHANGED));
  const algorithms = listed(examination.metadata, 'id_token_signing_alg_values_supported');
  const unmet = algorithms.filter((algorithm) => !keys.some((key) => told(key, 'alg') === algorithm));
  if (unmet.length > 0)
    found.push(
      problem(`The metadata announce ${unmet.join(', ')}, and no key at ${url} is for it.`, UNCHANGED),
    );
  const fault = examination.store?.keyFault;
  if (fault !== undefined) {
    found.push(
      problem(
        `No token can be signed: ${fault}`,
        `Run: ${GATEHOUSE} keys list. When no key is current, run: ${GATEHOUSE} keys rotate --compromised`,
      ),
    );
  }
  const known = examination.store?.keyIds;
  const stale = known?.filter((kid) => !ids.includes(kid)) ?? [];
  if (stale.length > 0) {
    found.push(
      problem(
        `The store publishes ${stale.length === 1 ? 'a key that is' : `${stale.length} keys that are`} not at ${url}: a cache keeps an old copy.`,
        'Let no proxy or CDN keep /jwks for longer than its Cache-Control says.',
      ),
    );
  }
  return found.length > 0
    ? found
    : [ok(`${keys.length === 1 ? 'One key is' : `${keys.length} keys are`} published, and nothing private.`)];
};

const UNCHANGED = 'Let the proxy pass /jwks unchanged, and keep it no longer than its Cache-Control says.';

function keysOf(document: Json | undefined): readonly Json[] | undefined {
  const keys = document?.['keys'];
  return Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null)
    ? (keys as Json[])
    : undefined;
}
