import { describe, isOurs, jsonOf, locationOf, plain } from '../answers.ts';
import type { Check, Examination } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { type Certificate, isReply } from '../probe.ts';

const { ok, problem, warning } = findingsOf('tls');

/** Days before its end at which a certificate should have been renewed. */
const SOON = 14;
const DAY = 86_400_000;

/** Why clients refuse a certificate, in the words of whoever has to renew it. */
const REFUSALS: Readonly<
  Record<string, (certificate: Certificate, host: string) => readonly [string, string]>
> = {
  CERT_HAS_EXPIRED: ({ validTo }) => [
    `The certificate expired on ${day(validTo)}.`,
    'Renew it, and let the proxy load the new one.',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: ({ names, subject }, host) => [
    `The certificate is for ${plain(names || subject) || 'no name at all'}, and not for ${host}.`,
    `Give the proxy a certificate for ${host}.`,
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: () => [
    'The certificate is signed by itself: only machines that were told to trust it will.',
    'Use a certificate of a public authority, or give every client yours (NODE_EXTRA_CA_CERTS for those on Node).',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => [
    'The certificate leads to no authority that this machine knows: it comes without those that signed it, or they are private ones.',
    'Let the proxy send the whole chain (nginx: ssl_certificate fullchain.pem), or give every client your authority (NODE_EXTRA_CA_CERTS for those on Node, the doctor too).',
  ],
};

/** The certificate as a client sees it, and whether plain http is refused beside it. */
export const checkTls: Check = async (examination) => {
  const { documents, base } = examination;
  const { protocol, hostname } = new URL(base);
  if (protocol !== 'https:') return [];
  const answer = documents.map((document) => document.answer).find(isReply);
  const certificate = answer?.certificate;
  if (!certificate) {
    const first = documents[0]?.answer;
    return [
      problem(
        `No TLS connection to ${hostname}: ${first ? describe(first) : 'no answer'}.`,
        'Let the proxy speak TLS 1.2 or later.',
      ),
    ];
  }
  return [judge(certificate, hostname), ...(await plainHttp(examination))];
};

function judge(certificate: Certificate, host: string): Finding {
  const { refused, validTo } = certificate;
  if (refused !== undefined) {
    const known = REFUSALS[refused];
    const [says, remedy] = known?.(certificate, host) ?? [
      `Clients refuse the certificate: ${plain(refused)}.`,
      'Use a certificate of a public authority, with its whole chain.',
    ];
    return problem(says, remedy);
  }
  const days = Math.floor((validTo.getTime() - Date.now()) / DAY);
  return days < SOON
    ? warning(`The certificate expires on ${day(validTo)}, in ${days} days.`, 'See why it was not renewed.')
    : ok(`The certificate is for ${host}, its chain is whole, and it ends on ${day(validTo)}.`);
}

/** What answers the same over http may be read and changed on the way: nothing but a redirect may. */
async function plainHttp({ base, documents, ask }: Examination): Promise<readonly Finding[]> {
  const url = documents[0]?.url.replace(/^https:/, 'http:') ?? base;
  const answer = await ask(url);
  if (!isReply(answer)) return [ok('Nobody answers over plain http.')];
  if (locationOf(answer)?.protocol === 'https:') return [ok('Plain http is redirected to https.')];
  if (answer.status >= 400) return [ok(`Plain http is refused (${answer.status}).`)];
  const same = isOurs(answer) || jsonOf(answer);
  return [
    same
      ? problem(
          `The server answers over plain http too, at ${url}: what is sent there can be read on the way.`,
          'Let the proxy refuse port 80, or redirect it to https.',
        )
      : warning(
          `Plain http is answered with ${describe(answer)}.`,
          'Let the proxy refuse port 80, or redirect it to https.',
        ),
  ];
}

function day(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'an unknown day' : date.toISOString().slice(0, 10);
}
