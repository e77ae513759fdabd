import { type AuditRecord, listAudit } from '../../src/domain/audit/index.ts';

import type { Agent } from './agent.ts';
import { createAgent } from './agent.ts';
import {
  addPerson,
  basic,
  CALLBACK,
  claimsOf,
  obtainCode,
  type Person,
  post,
  signedIn,
  type TokenResponse,
} from './flow.ts';
import { addTestClient, type TestServer } from './server.ts';
import type { ServerProcess } from './server-process.ts';

/** Somebody who is signed in, a public client, and what tests of the token endpoint do with both. */
export interface Connected {
  readonly clientId: string;
  readonly agent: Agent;
  readonly person: Person;
}

export type Params = Readonly<Record<string, string>>;

/** A server by its issuer, or one process of an installation. */
export type Target = Pick<TestServer, 'issuer'> | Pick<ServerProcess, 'post'>;

/** A form post to an endpoint for programs, wherever it is served. */
export function send(
  target: Target,
  path: string,
  params: Params,
  headers: Params = {},
): Promise<TokenResponse> {
  return 'post' in target ? target.post(path, params, headers) : post(target, path, params, headers);
}

/** What a code exchange left in the hands of the client. */
export interface Tokens {
  readonly grantId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** A person with a session and a public client. */
export async function connected(server: TestServer): Promise<Connected> {
  const person = await addPerson(server);
  const agent = createAgent();
  await signedIn(server, agent, person);
  const { clientId } = await addTestClient(server);
  return { clientId, agent, person };
}

/** Redeems a code as the public client that it was issued to; `params` replace or add. */
export function redeem(
  target: Target,
  clientId: string,
  { code, verifier }: { readonly code: string; readonly verifier: string },
  params: Params = {},
): Promise<TokenResponse> {
  return send(target, '/token', {
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: CALLBACK,
    ...params,
  });
}

/** Refreshes as a public client; `params` replace or add. */
export function refresh(
  target: Target,
  clientId: string,
  refreshToken: string | undefined,
  params: Params = {},
): Promise<TokenResponse> {
  return send(target, '/token', {
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: refreshToken ?? '',
    ...params,
  });
}

/** The secret that `introspect` gives to the resource that it asks as. */
const RESOURCE_SECRET = 'test-resource-secret';

/**
 * Asks a server about an access token, as the resource that the token is for. A public client may not ask. Returns
 * the body of the response.
 */
export async function introspect(
  { database }: Pick<TestServer, 'database'>,
  accessToken: string,
  target: Target,
): Promise<TokenResponse['body']> {
  const { rows } = await database.pool.query<{ id: string }>(
    'UPDATE resources SET secret_hash = sha256($2) WHERE identifier = $1 RETURNING id',
    [claimsOf(accessToken)['aud'], Buffer.from(RESOURCE_SECRET)],
  );
  const asResource = basic(rows[0]?.id ?? '', RESOURCE_SECRET);
  const { status, body } = await send(target, '/introspect', { token: accessToken }, asResource);
  if (status !== 200) throw new Error(`introspection: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** A whole connection of its own: one grant, generation 0. */
export async function freshTokens(
  server: TestServer,
  { agent, clientId }: Connected,
  params: Params = {},
): Promise<Tokens> {
  const response = await redeem(server, clientId, await obtainCode(server, agent, clientId, params));
  return tokensOf(response);
}

/** The tokens of an answer that has to be a success with both. */
export function tokensOf({ status, body }: TokenResponse): Tokens {
  const { access_token: accessToken, refresh_token: refreshToken } = body;
  if (status !== 200 || !accessToken || !refreshToken) {
    throw new Error(`no tokens: ${status} ${JSON.stringify(body)}`);
  }
  return { grantId: String(claimsOf(accessToken)['grant_id']), accessToken, refreshToken };
}

/** Everything that the audit trail holds of one request. */
export async function recordsOf(
  { database }: Pick<TestServer, 'database'>,
  { headers }: Pick<TokenResponse, 'headers'>,
): Promise<readonly AuditRecord[]> {
  const id = headers.get('x-request-id');
  const all = await listAudit(database.prisma, { limit: 10_000 });
  return all.filter((record) => record.request_id === id);
}

/** Why a grant ended; `undefined` while it lives. */
export async function endOf(
  { database }: Pick<TestServer, 'database'>,
  grantId: string,
): Promise<string | undefined> {
  const { revokedAt, revokedReason } = await database.prisma.grant.findUniqueOrThrow({
    where: { id: grantId },
  });
  return revokedAt === null ? undefined : (revokedReason ?? 'unknown');
}
