import { createHash } from 'node:crypto';

import { NotFound } from '../../../src/kernel/errors.ts';
import { isStoreUnavailable } from '../../../src/platform/database/index.ts';
import type { Page } from '../../support/agent.ts';
import type { TokenResponse } from '../../support/flow.ts';
import type { Answer, Facts, Outcome } from '../history.ts';

/** How the history names a code or a token. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** What a program was answered. `learn` reads a success. */
export async function asProgram(
  send: () => Promise<TokenResponse>,
  learn: (response: TokenResponse) => Facts = () => ({}),
): Promise<Outcome<TokenResponse>> {
  const response = await send().catch(() => undefined);
  if (response === undefined) return { answer: { is: 'absent' } };
  const request = response.headers.get('x-request-id') ?? undefined;
  const answer = judged(response);
  return { answer, request, value: response, ...(answer.is === 'done' ? { facts: learn(response) } : {}) };
}

function judged({ status, headers, body }: TokenResponse): Answer {
  if (status === 200) return { is: 'done' };
  const isJson = headers.get('content-type')?.startsWith('application/json') === true;
  if (!isJson || typeof body.error !== 'string')
    return { is: 'malformed', what: `${status} without OAuth JSON` };
  if (status === 503) return unavailable(headers, body.error === 'temporarily_unavailable');
  if (status === 400 || status === 401) return { is: 'refused', error: body.error };
  return { is: 'malformed', what: `${status} ${body.error}` };
}

/** What a person was shown. `read` answers what the page or redirect brought; nothing is a refusal. */
export async function asPerson<T>(
  open: () => Promise<Page>,
  read: (page: Page) => { readonly value: T; readonly facts?: Facts } | undefined,
): Promise<Outcome<T>> {
  const page = await open().catch(() => undefined);
  if (page === undefined) return { answer: { is: 'absent' } };
  const request = page.headers.get('x-request-id') ?? undefined;
  if (page.status === 503) return { answer: unavailable(page.headers, true), request };
  if (page.status >= 500)
    return { answer: { is: 'malformed', what: `${page.status} at ${new URL(page.url).pathname}` }, request };
  const found = read(page);
  if (found === undefined)
    return { answer: { is: 'refused', error: `${page.status} ${wayOf(page)}` }, request };
  return { answer: { is: 'done' }, request, ...found };
}

/** What an act through the domain came to. */
export async function asAdministrator(request: string, act: () => Promise<unknown>): Promise<Outcome> {
  try {
    await act();
    return { answer: { is: 'done' }, request };
  } catch (error) {
    if (isStoreUnavailable(error)) return { answer: { is: 'unavailable' }, request };
    if (error instanceof NotFound) return { answer: { is: 'refused', error: error.code }, request };
    return { answer: { is: 'malformed', what: String(error) }, request };
  }
}

function unavailable(headers: Headers, worded: boolean): Answer {
  if (!worded) return { is: 'malformed', what: '503 with another error than temporarily_unavailable' };
  if (!/^[1-9]\d*$/.test(headers.get('retry-after') ?? ''))
    return { is: 'malformed', what: '503 without Retry-After' };
  return { is: 'unavailable' };
}

const wayOf = ({ url, location }: Page) =>
  location === undefined
    ? new URL(url).pathname
    : (new URL(location).searchParams.get('error') ?? 'elsewhere');
