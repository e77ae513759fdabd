import { describe, header, isHtml, isOAuthError, isOurs } from '../answers.ts';
import { type Check, type Examination, endpointOf } from '../examination.ts';
import { findingsOf } from '../finding.ts';
import { type Answer, isReply } from '../probe.ts';

const { ok, problem } = findingsOf('errors');

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Requests that are refused whoever makes them. No client of that name exists, and nothing is spent. */
const REFUSED = new URLSearchParams({
  grant_type: 'authorization_code',
  client_id: 'cli_gatehouse-doctor',
  code: 'gatehouse-doctor',
  code_verifier: 'gatehouse-doctor-gatehouse-doctor-gatehouse-doctor',
}).toString();

/** RFC 6749 §5.2: programs read why they were refused, so the refusal has to come through as it was said. */
export const checkErrors: Check = async (examination) => {
  const { metadata } = examination;
  const at = (name: string) =>
    typeof metadata?.[name] === 'string' ? endpointOf(examination, name) : undefined;
  const token = endpointOf(examination, 'token_endpoint');
  const asked: readonly (readonly [name: string, answer: Answer])[] = await Promise.all([
    post(examination, token, REFUSED).then((answer) => ['POST /token', answer] as const),
    examination.ask(token).then((answer) => ['GET /token', answer] as const),
    ...['revocation_endpoint', 'introspection_endpoint'].flatMap((name) => {
      const url = at(name);
      if (!url) return [];
      return [
        post(examination, url, 'token=gatehouse-doctor').then(
          (answer) => [`POST ${new URL(url).pathname}`, answer] as const,
        ),
      ];
    }),
  ]);
  const bad = asked.filter(([, answer]) => !isReply(answer) || answer.status < 400 || !isOAuthError(answer));
  const [first] = bad;
  if (first) {
    const [, answer] = first;
    const inBetween =
      isHtml(answer) && !isOurs(answer) ? '; something in front of the server answers in its place' : '';
    return [
      problem(
        `A refused ${bad.map(([name]) => name).join(', ')} is answered with ${describe(answer)}, and not with the JSON of Gatehouse${inBetween}.`,
        'Let 4xx answers of Gatehouse through as they are (nginx: proxy_intercept_errors off), and let no firewall judge these paths.',
      ),
    ];
  }
  const [refused] = asked;
  const basic = header(refused?.[1] as Answer, 'cache-control') ?? '';
  if (!/no-store/.test(basic)) {
    return [
      problem(
        'The answers of the token endpoint have lost their Cache-Control: no-store; a cache on the way may keep tokens.',
        'Let the proxy pass Cache-Control unchanged, and cache nothing of /token.',
      ),
    ];
  }
  return [ok('Refusals come through as JSON, and no cache keeps them.')];
};

function post({ ask }: Examination, url: string, body: string): Promise<Answer> {
  return ask(url, { method: 'POST', headers: FORM, body });
}
