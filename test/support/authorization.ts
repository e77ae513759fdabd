import { expect } from 'vitest';

import type { Agent, Page } from './agent.ts';
import { type Observed, observe } from './audit.ts';
import { CALLBACK, pkce } from './flow.ts';
import { FILES, type TestServer } from './server.ts';

/** Parameters of an authorization request; `undefined` leaves one out, a list sends it more than once. */
export type RequestParams = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The query of a good request for `clientId`, with `params` over it. */
export function requestQuery(clientId: string, params: RequestParams = {}): URLSearchParams {
  const all: RequestParams = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: CALLBACK,
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    state: 'state-1',
    resource: FILES,
    ...params,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(all)) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) query.append(name, one);
  }
  return query;
}

/** Sends an authorization request and says what came of it. */
export function askFor(
  server: TestServer,
  agent: Agent,
  clientId: string,
  params: RequestParams = {},
): Promise<Observed<Page>> {
  return observe(server, () => agent.get(`${server.issuer}/authorize?${requestQuery(clientId, params)}`));
}

/** A refusal that leads nowhere: a page, one record, nothing kept. */
export function expectRefusedOnPage(
  { value: page, records, grants, codes }: Observed<Page>,
  expected: { readonly reason: string; readonly status?: number; readonly code?: string },
): void {
  expect(page.status).toBe(expected.status ?? 400);
  expect(page.location).toBeUndefined();
  expect(page.headers.get('location')).toBeNull();
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  expect(page.headers.get('cache-control')).toContain('no-store');
  if (expected.code) expect(page.html).toContain(expected.code);
  expect(records).toEqual([
    expect.objectContaining({
      event: 'authorization.rejected',
      outcome: 'refused',
      reason: expected.reason,
    }),
  ]);
  expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
}

/** A refusal that is told to the client: its redirect, error, state and `iss` once each, one record, nothing kept. */
export function expectRefusedToClient(
  { value: page, records, grants, codes }: Observed<Page>,
  server: Pick<TestServer, 'issuer'>,
  expected: {
    readonly error: string;
    readonly reason: string;
    readonly event?: string;
    readonly redirectUri?: string;
    readonly state?: string | null;
  },
): void {
  expect([302, 303]).toContain(page.status);
  expect(page.headers.get('cache-control')).toContain('no-store');
  const location = new URL(page.headers.get('location') ?? '');
  expect(location.href.split('?')[0]).toBe(expected.redirectUri ?? CALLBACK);
  expect(location.hash).toBe('');
  const state = expected.state === undefined ? 'state-1' : expected.state;
  expect(location.searchParams.getAll('error')).toEqual([expected.error]);
  expect(location.searchParams.getAll('state')).toEqual(state === null ? [] : [state]);
  expect(location.searchParams.getAll('iss')).toEqual([server.issuer]);
  expect(location.searchParams.has('code')).toBe(false);
  expect(records).toEqual([
    expect.objectContaining({
      event: expected.event ?? 'authorization.rejected',
      outcome: 'refused',
      reason: expected.reason,
      tenant: 'ten_default',
    }),
  ]);
  expect({ grants, codes }).toEqual({ grants: 0, codes: 0 });
}
