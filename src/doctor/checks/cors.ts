import { header } from '../answers.ts';
import { type Check, type Examination, endpointOf } from '../examination.ts';
import { findingsOf } from '../finding.ts';
import { isReply } from '../probe.ts';

const { ok, problem, not_checked } = findingsOf('cors');

/** The page of MCP Inspector, which calls every endpoint from the browser. */
export const PAGE = 'http://localhost:6274';
const HEADERS = ['authorization', 'content-type', 'mcp-protocol-version'];

/** What a page may call, with which method, and what it is called in the proxy's configuration. */
function callable(examination: Examination): readonly (readonly [url: string, method: string])[] {
  const { metadata, documents } = examination;
  const announced = (name: string) =>
    typeof metadata?.[name] === 'string' ? [[endpointOf(examination, name), 'POST'] as const] : [];
  return [
    ...documents.map(({ url }) => [url, 'GET'] as const),
    [endpointOf(examination, 'jwks_uri'), 'GET'],
    [endpointOf(examination, 'token_endpoint'), 'POST'],
    ...announced('registration_endpoint'),
    ...announced('revocation_endpoint'),
    ...announced('introspection_endpoint'),
  ];
}

/** Fetch standard, CORS: a client that is a web page may call the endpoints that programs call. */
export const checkCors: Check = async (examination) => {
  const { metadata } = examination;
  if (!metadata) return [not_checked('CORS was not checked, because there are no metadata.')];
  const calls = callable(examination);
  const faults = await Promise.all(calls.map(([url, method]) => whyNot(examination, url, method)));
  const bad = calls.flatMap(([url], index) =>
    faults[index] ? [{ path: new URL(url).pathname, why: faults[index] }] : [],
  );
  if (bad.length === 0) return [ok(`A web page of another origin may call all ${calls.length} endpoints.`)];
  const [first] = bad;
  return [
    problem(
      `A client in a browser cannot call ${bad.map(({ path }) => path).join(', ')}: ${first?.why}.`,
      'Let the proxy pass OPTIONS requests and the Access-Control-* headers of Gatehouse unchanged, and add none of its own.',
    ),
  ];
};

/** Why a page cannot make this call; `undefined` when it can. */
async function whyNot({ ask }: Examination, url: string, method: string): Promise<string | undefined> {
  const preflight = await ask(url, {
    method: 'OPTIONS',
    headers: {
      origin: PAGE,
      'access-control-request-method': method,
      'access-control-request-headers': HEADERS.join(','),
    },
  });
  if (!isReply(preflight) || preflight.status < 200 || preflight.status > 299)
    return `the preflight is answered with ${isReply(preflight) ? preflight.status : 'nothing'}`;
  const names = (name: string) =>
    (header(preflight, name) ?? '')
      .toLowerCase()
      .split(',')
      .map((item) => item.trim());
  if (!allows(header(preflight, 'access-control-allow-origin')))
    return 'the preflight has no Access-Control-Allow-Origin for it';
  const allowed = names('access-control-allow-headers');
  const missing = HEADERS.filter(
    (name) => !allowed.includes(name) && !(allowed.includes('*') && name !== 'authorization'),
  );
  if (missing.length > 0) return `the preflight does not allow ${missing.join(', ')}`;
  const methods = names('access-control-allow-methods');
  if (method === 'POST' && !methods.includes('post') && !methods.includes('*'))
    return 'the preflight does not allow POST';
  if (method !== 'GET') return undefined;
  const answer = await ask(url, { headers: { origin: PAGE } });
  return allows(header(answer, 'access-control-allow-origin'))
    ? undefined
    : 'its answer has no Access-Control-Allow-Origin';
}

export function allows(origin: string | undefined): boolean {
  return origin === '*' || origin === PAGE;
}
