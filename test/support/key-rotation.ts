import { setTimeout as delay } from 'node:timers/promises';
import { createVerifier, type Verifier } from '@gatehouse-mcp/verifier';
import { decodeProtectedHeader, generateKeyPair, SignJWT } from 'jose';

import { FILES, type TestServer } from './server.ts';
import type { ServerProcess } from './server-process.ts';

/** How much faster the time of a verifier passes: the 30 seconds that it keeps keys at the least are one of ours. */
const PACE = 30;

/**
 * An MCP server's verifier whose keys come from one node, and which keeps them to the end of their
 * lifetime: the fetch that an unknown key may cause is spent, and the next one is far away.
 */
export async function strictVerifier(server: TestServer, node: ServerProcess): Promise<Verifier> {
  const start = Date.now();
  const verifier = createVerifier({
    issuer: server.issuer,
    resource: FILES,
    jwksUri: `${server.issuer}/jwks`,
    fetch: () => fetchJwks(node),
    cooldown: 1e9,
    now: () => start + (Date.now() - start) * PACE,
  });
  const { privateKey } = await generateKeyPair('ES256');
  const at = Math.floor(start / 1000);
  const unknown = await new SignJWT({ sub: 'usr_a', client_id: 'cli_a', scope: '', jti: 'a' })
    .setProtectedHeader({ alg: 'ES256', kid: 'unknown', typ: 'at+jwt' })
    .setIssuer(server.issuer)
    .setAudience(FILES)
    .setIssuedAt(at)
    .setExpirationTime(at + 3600)
    .sign(privateKey);
  const code = await verifier.verify(unknown).catch((error: { code?: string }) => error.code);
  if (code !== 'key_unknown') throw new Error(`a forged token was ${String(code)}`);
  return verifier;
}

/** The answer of one node to a verifier. */
export async function fetchJwks(node: Pick<ServerProcess, 'get'>): Promise<Response> {
  const { status, headers, body } = await node.get('/jwks');
  return new Response(JSON.stringify(body), { status, headers });
}

export async function publishedKids(node: Pick<ServerProcess, 'get'>): Promise<readonly string[]> {
  const { body } = await node.get('/jwks');
  return (body['keys'] as { kid: string }[]).map(({ kid }) => kid);
}

export function kidOf(token: string): string {
  return decodeProtectedHeader(token).kid ?? '';
}

/** Waits until `probe` is true, and answers after how many milliseconds it was. */
export async function until(probe: () => boolean | Promise<boolean>, timeout = 10_000): Promise<number> {
  const start = performance.now();
  while (!(await probe())) {
    if (performance.now() - start > timeout) throw new Error(`not within ${timeout} ms: ${probe}`);
    await delay(20);
  }
  return performance.now() - start;
}
