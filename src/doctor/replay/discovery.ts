import { describe, header, isOurs, type Json, jsonOf, listed, locationOf, plain, told } from '../answers.ts';
import { allows, PAGE } from '../checks/cors.ts';
import { discoveryUrl } from '../discovery.ts';
import { type Answer, isReply } from '../probe.ts';
import type { ClientShape } from '../shape.ts';

import { type Play, type Replay, stepsOf } from './step.ts';

const { ok, problem } = stepsOf('discovery');

const MAX_REDIRECTS = 5;

/** A document that the client takes, or why it stops, or goes on to its next guess. */
type Look =
  | { readonly found: Json; readonly url: string }
  | { readonly stops: string; readonly remedy: string }
  | { readonly next: string };

/** Looks for the metadata where this client looks, and judges them as it does. */
export const playDiscovery: Play = async (replay) => {
  const { shape, examination } = replay;
  const issuer = replay.asked ?? examination.issuer;
  const tried: string[] = [];
  for (const form of shape.discovery.forms) {
    const url = discoveryUrl(issuer, form);
    if (url === undefined) continue;
    const look = await lookAt(replay, url);
    if ('next' in look) {
      tried.push(`${new URL(url).pathname}: ${look.next}`);
      continue;
    }
    if ('stops' in look) return [problem(look.stops, look.remedy), replay];
    const fault = judge(shape, look.found, issuer);
    if (fault) return [problem(...fault), replay];
    const guesses = tried.length === 0 ? '' : ` after ${tried.length} wrong guesses`;
    return [
      ok(`finds the metadata at ${new URL(look.url).pathname}${guesses}`),
      { ...replay, metadata: look.found },
    ];
  }
  return [problem(`finds no metadata (${tried.join('; ')})`, PASS), replay];
};

const PASS =
  'Route /.well-known/ of this host to Gatehouse, hand on the Host as it came, and let its answers through.';

async function lookAt({ shape, examination }: Replay, url: string): Promise<Look> {
  const { discovery } = shape;
  let at = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const headers = { ...discovery.headers, ...(shape.from === 'browser' ? { origin: PAGE } : {}) };
    const answer = await examination.ask(at, { headers });
    const refused = isReply(answer) ? answer.certificate?.refused : undefined;
    if (refused !== undefined)
      return { stops: `refuses the certificate (${plain(refused)})`, remedy: 'See the finding about TLS.' };
    const location = locationOf(answer);
    if (!location) return judgeAnswer(shape, at, answer);
    const foreign = location.origin !== new URL(at).origin;
    if (foreign && discovery.redirects !== 'anywhere') {
      const says = `${at} leads to ${location.origin}, where it does not follow`;
      return discovery.redirects === 'within_origin_or_stops'
        ? { stops: says, remedy: 'Let the proxy answer that path itself, from Gatehouse.' }
        : { next: `leads to ${location.origin}` };
    }
    at = location.href;
  }
  return { next: 'redirected in a circle' };
}

function judgeAnswer({ discovery, from }: ClientShape, url: string, answer: Answer): Look {
  const said = describe(answer);
  const stopsAt = (why: string): Look => ({
    stops: `stops at ${url}, which is answered with ${why}`,
    remedy: PASS,
  });
  if (!isReply(answer)) return stopsAt(said);
  if (answer.status >= 500) {
    const goesOn =
      discovery.afterServerError === 'goes_on' ||
      (discovery.afterServerError === 'goes_on_after_502' && answer.status === 502);
    return goesOn ? { next: said } : stopsAt(said);
  }
  if (answer.status !== 200) return { next: said };
  if (from === 'browser' && !allows(header(answer, 'access-control-allow-origin'))) {
    return {
      stops: `cannot read ${url} from the browser: the answer has no Access-Control-Allow-Origin`,
      remedy: 'Let the proxy pass the Access-Control-* headers of Gatehouse.',
    };
  }
  const found = jsonOf(answer);
  if (found) return { found, url };
  return discovery.afterNonsense === 'goes_on' ? { next: said } : stopsAt(said);
}

/** What this client does not put up with in a document; undefined when it takes it. */
function judge(
  shape: ClientShape,
  document: Json,
  issuer: string,
): readonly [says: string, remedy: string] | undefined {
  const stated = told(document, 'issuer') ?? '';
  if (!sameIssuer(shape, stated, issuer)) {
    return [
      `stops, because the metadata of ${issuer} state another issuer, ${plain(stated) || 'none'}`,
      issuerRemedy(plain(stated), issuer),
    ];
  }
  for (const name of ['authorization_endpoint', 'token_endpoint']) {
    if (told(document, name) === undefined) return [`stops, because the metadata have no ${name}`, UNCHANGED];
  }
  if (!listed(document, 'response_types_supported').includes('code'))
    return ['stops, because the metadata do not list the response type code', UNCHANGED];
  const methods = document['code_challenge_methods_supported'];
  const lists = listed(document, 'code_challenge_methods_supported').includes('S256');
  if (!lists && (shape.pkce === 'must_list_s256' || methods !== undefined))
    return ['stops, because the metadata do not list S256 in code_challenge_methods_supported', UNCHANGED];
  const announced = document['authorization_response_iss_parameter_supported'] === true;
  const origin = URL.parse(told(document, 'authorization_endpoint') ?? '')?.origin;
  if (shape.endpoints === 'at_issuer_unless_iss' && !announced && origin !== URL.parse(stated)?.origin)
    return ['stops, because the authorization endpoint is at another origin than the issuer', UNCHANGED];
  return undefined;
}

/** An issuer of ours has no slash at its end, so that it is the slash that has to go, wherever it is. */
function issuerRemedy(stated: string, asked: string): string {
  if (stated === `${asked}/`) return 'Let no proxy rewrite the document: the issuer has no slash at its end.';
  if (asked === `${stated}/`) return `Name the issuer as ${stated} in the MCP server, without the slash.`;
  return `Name the issuer as ${stated || asked} in the MCP server and in GATEHOUSE_ISSUER, byte for byte.`;
}

const UNCHANGED = 'Let the proxy pass the metadata of Gatehouse unchanged.';

function sameIssuer({ issuer: rule }: ClientShape, stated: string, asked: string): boolean {
  switch (rule) {
    case 'not_compared':
      return true;
    case 'same_text':
      return stated === asked;
    case 'same_text_or_slash_asked':
      return stated === asked || `${stated}/` === asked;
    case 'same_url':
      return URL.parse(stated)?.href === URL.parse(asked)?.href;
  }
}

/** What to tell somebody whose requests end elsewhere than at Gatehouse. */
export function byWhom(answer: Answer): string {
  return isReply(answer) && !isOurs(answer) ? ', and it was not Gatehouse that said so' : '';
}
