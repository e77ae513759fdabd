import { isPrivateAddress } from '../addresses.ts';
import { header, jsonOf, plain, told } from '../answers.ts';
import { ACCEPT_JSON, type Check, type Examination, endpointOf } from '../examination.ts';
import { type Finding, findingsOf } from '../finding.ts';
import { isReply } from '../probe.ts';

import { FORM } from './errors.ts';

const { ok, problem, warning, not_checked } = findingsOf('proxy');

/** RFC 2606 and RFC 5737: nobody's host and nobody's address. */
const NOBODY = 'gatehouse-doctor.invalid';
const NOBODYS_ADDRESS = '192.0.2.66';

/** What the server believes about who asks, and where: neither may be what a caller says it is. */
export const checkProxy: Check = async (examination) => {
  const { documents, metadata } = examination;
  const url = documents[0]?.url;
  if (url === undefined || !metadata)
    return [not_checked('The proxy was not checked, because there are no metadata.')];
  const found = [
    ...(await claimedHost(examination, url)),
    ...(await claimedNames(examination, url)),
    ...(await claimedAddress(examination)),
  ];
  const sound = found.every(({ level }) => level === 'not_checked');
  return sound ? [ok('What a caller claims in X-Forwarded-* and Host changes nothing.'), ...found] : found;
};

/** RFC 9700 §4.13: addresses are made from the configuration, and never from a header. */
async function claimedNames({ ask, base }: Examination, url: string): Promise<readonly Finding[]> {
  const answer = await ask(url, {
    headers: {
      ...ACCEPT_JSON,
      'x-forwarded-host': NOBODY,
      'x-forwarded-proto': 'http',
      forwarded: `host=${NOBODY};proto=http`,
      'cache-control': 'no-cache',
    },
  });
  const stated = told(jsonOf(answer), 'issuer');
  const told_ = JSON.stringify(jsonOf(answer) ?? {});
  if (stated === undefined || !told_.includes(NOBODY)) return [];
  return [
    problem(
      `A caller can make the server name ${plain(stated)} as its issuer, with X-Forwarded-Host: whoever poisons a cache with it collects codes.`,
      `Make the proxy overwrite X-Forwarded-Host and Forwarded, and answer with the issuer ${base} alone.`,
    ),
  ];
}

/** RFC 9110 §7.4: another name than ours is not answered for, which also ends DNS rebinding. */
async function claimedHost({ ask }: Examination, url: string): Promise<readonly Finding[]> {
  const answer = await ask(url, { headers: { ...ACCEPT_JSON, host: NOBODY } });
  if (!isReply(answer) || answer.status !== 200 || !told(jsonOf(answer), 'issuer')) return [];
  return [
    warning(
      'The server answers for a Host that is not its own: the proxy names the issuer itself, whatever was asked for.',
      'Hand the Host on as it came (nginx: proxy_set_header Host $host), so that Gatehouse can refuse a foreign one.',
    ),
  ];
}

/** The address in the audit trail and in the throttles: of the caller, and not what a caller claims. */
async function claimedAddress(examination: Examination): Promise<readonly Finding[]> {
  const { store } = examination;
  if (!store)
    return [not_checked('Which address the server sees was not checked, because that is only in the store.')];
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: 'cli_gatehouse-doctor',
    code: 'gatehouse-doctor',
  }).toString();
  const answer = await examination.ask(endpointOf(examination, 'token_endpoint'), {
    method: 'POST',
    headers: { ...FORM, 'x-forwarded-for': NOBODYS_ADDRESS },
    body,
  });
  const requestId = header(answer, 'x-request-id');
  const seen = requestId === undefined ? undefined : (await store.refusal(requestId))?.network;
  if (seen === undefined || !isReply(answer))
    return [
      not_checked(
        'Which address the server sees was not checked, because the store has no record of the request.',
      ),
    ];
  if (seen === NOBODYS_ADDRESS) {
    return [
      problem(
        'A caller can choose the address that the server sees, with X-Forwarded-For: throttles and the audit trail can be fooled.',
        'Name only your own proxies in GATEHOUSE_TRUSTED_PROXIES, and let the outermost one set X-Forwarded-For anew.',
      ),
    ];
  }
  const from = answer.from.replace(/^::ffff:/, '');
  if (seen !== from && isPrivateAddress(seen) && !isPrivateAddress(from)) {
    return [
      warning(
        `The server sees the address ${seen} for a caller from ${from}: everybody looks like the proxy to the throttles.`,
        `Set GATEHOUSE_TRUSTED_PROXIES=${seen} and let the proxy send X-Forwarded-For.`,
      ),
    ];
  }
  return [];
}
