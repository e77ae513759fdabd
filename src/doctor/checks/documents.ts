import { isDeepStrictEqual } from 'node:util';

import { describe, header, isHtml, isOurs, jsonOf, listed, locationOf, plain, told } from '../answers.ts';
import { type Check, type Examination, endpointOf } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { type Answer, isReply } from '../probe.ts';

const { ok, problem, warning } = findingsOf('metadata');

/** Without these a client cannot begin (RFC 8414 §2). */
const NEEDED = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'];
const ENDPOINTS = [...NEEDED, 'registration_endpoint', 'revocation_endpoint', 'introspection_endpoint'];

/** That the metadata are there, in each form that clients try, and say what clients need to read. */
export const checkDocuments: Check = async (examination) => {
  const { documents, metadata, base } = examination;
  const found: Finding[] = documents.flatMap(({ url, answer }) => unreadable(url, answer));
  for (const { url, answer } of documents) {
    const document = jsonOf(answer);
    if (!document || !isReply(answer) || answer.status !== 200) continue;
    if (!listed(document, 'code_challenge_methods_supported').includes('S256')) {
      found.push(
        problem(
          `The metadata at ${url} do not list S256 in code_challenge_methods_supported: clients that insist on PKCE stop here.`,
          'Let the proxy pass the document unchanged; Gatehouse always lists S256.',
        ),
      );
    }
    if (!listed(document, 'response_types_supported').includes('code'))
      found.push(problem(`The metadata at ${url} do not list the response type code.`, UNCHANGED));
    const missing = NEEDED.filter((name) => told(document, name) === undefined);
    if (missing.length > 0)
      found.push(problem(`The metadata at ${url} leave out ${missing.join(', ')}.`, UNCHANGED));
    if (metadata && !isDeepStrictEqual(document, metadata)) {
      found.push(
        warning(
          `The metadata at ${url} differ from those at ${documents[0]?.url}: what a client sees depends on where it looks.`,
          'Let no proxy or cache answer for one of them.',
        ),
      );
    }
  }
  if (metadata) found.push(...elsewhere(examination));
  if (found.length > 0) return found;
  return [ok(`The metadata of ${base} are complete and the same at ${documents.length} addresses.`)];
};

const UNCHANGED = 'Let the proxy pass the document unchanged.';

/** Why there is no document at this address. */
function unreadable(url: string, answer: Answer): readonly Finding[] {
  if (isReply(answer) && answer.status === 200 && jsonOf(answer)) {
    const type = header(answer, 'content-type') ?? '';
    return /json/i.test(type)
      ? []
      : [
          warning(
            `The metadata at ${url} come as ${plain(type) || 'nothing in particular'}, not as JSON.`,
            UNCHANGED,
          ),
        ];
  }
  const location = locationOf(answer);
  if (location) {
    const foreign = location.origin !== new URL(url).origin;
    return [
      problem(
        `The metadata at ${url} are redirected to ${location.origin}${location.pathname}${foreign ? ', another origin, and clients do not follow there' : ''}.`,
        `Let the proxy answer this path itself, from Gatehouse, or make ${location.origin} the issuer with GATEHOUSE_ISSUER.`,
      ),
    ];
  }
  if (isReply(answer) && answer.status === 421) return [wrongHost(url)];
  const blocked =
    isReply(answer) && (answer.status === 403 || answer.status === 401 || answer.status === 429);
  if (blocked && !isOurs(answer)) {
    return [
      problem(
        `Something in front of the server answers ${url} with ${describe(answer)}: a firewall that wants a browser, or a sign-in of its own.`,
        'Let the firewall pass /.well-known/, /jwks, /token, /register, /revoke and /introspect for programs, without a challenge.',
      ),
    ];
  }
  const foreign =
    isReply(answer) && !isOurs(answer) && isHtml(answer) ? ', and it was not Gatehouse that said so' : '';
  return [
    problem(
      `The metadata at ${url} cannot be read: ${describe(answer)}${foreign}.`,
      'Route /.well-known/ of this host to Gatehouse.',
    ),
  ];
}

function wrongHost(url: string): Finding {
  const { host } = new URL(url);
  return problem(
    `Gatehouse does not answer for ${host} (421): the proxy hands on another Host, or GATEHOUSE_ISSUER is another address.`,
    `Hand the Host on as it came (nginx: proxy_set_header Host $host), and set GATEHOUSE_ISSUER to the address that clients use.`,
  );
}

/** Endpoints at another origin than the issuer's: a proxy that rewrote them, or that did not. */
function elsewhere(examination: Examination): readonly Finding[] {
  const { metadata, base } = examination;
  const origin = new URL(base).origin;
  const away = ENDPOINTS.filter((name) => {
    if (told(metadata, name) === undefined) return false;
    return URL.parse(endpointOf(examination, name))?.origin !== origin;
  });
  return away.length === 0
    ? []
    : [
        problem(
          `The metadata name ${away.join(', ')} at another origin than the issuer ${base}: ${plain(endpointOf(examination, away[0] ?? ''))}.`,
          `Set GATEHOUSE_ISSUER=${base}; every address is made from it.`,
        ),
      ];
}
