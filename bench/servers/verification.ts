import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createVerifier } from '@gatehouse-mcp/verifier';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';

/**
 * Verifies access tokens in a process of its own, each way in turn, and answers the CPU time that each
 * took for one token, by round, in microseconds.
 */
const [rounds = '3', count = '2000'] = process.argv.slice(2);
const RESOURCE = 'https://files.example/mcp';
/** The cached ones are so quick that a round needs more of them. */
const CACHED_TIMES = 50;

const { publicKey, privateKey } = await generateKeyPair('ES256');
const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' };
const server = createServer((request, response) => {
  const { port } = server.address() as AddressInfo;
  const issuer = `http://localhost:${port}`;
  response.setHeader('Content-Type', 'application/json');
  response.end(
    JSON.stringify(request.url === '/jwks' ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/jwks` }),
  );
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;

const tokens = await Promise.all(Array.from({ length: Number(count) }, (_, n) => token(n)));
const remote = createRemoteJWKSet(new URL(`${issuer}/jwks`));
const expected = { issuer, audience: RESOURCE, typ: 'at+jwt', algorithms: ['ES256'] };
const uncached = createVerifier({ issuer, resource: RESOURCE, cache: { size: 0 } });
const cached = createVerifier({ issuer, resource: RESOURCE });

const ways = {
  joseRemote: () => each(tokens, (jwt) => jwtVerify(jwt, remote, expected)),
  joseLocal: () => each(tokens, (jwt) => jwtVerify(jwt, publicKey, expected)),
  uncached: () => each(tokens, (jwt) => uncached.verify(jwt)),
  cached: () => each(tokens, (jwt) => cached.verify(jwt), CACHED_TIMES),
} satisfies Record<string, () => Promise<number>>;

const results = Object.fromEntries(Object.keys(ways).map((name) => [name, [] as number[]]));
const names = Object.keys(ways) as (keyof typeof ways)[];
for (const way of names) await ways[way]();
for (let round = 0; round < Number(rounds); round += 1) {
  for (let n = 0; n < names.length; n += 1) {
    const name = names[(n + round) % names.length] as keyof typeof ways;
    results[name]?.push(await ways[name]());
  }
}
process.send?.(results);
server.close();
server.closeAllConnections();

/** Microseconds of CPU, user and system, for one token. */
async function each(
  all: readonly string[],
  verify: (jwt: string) => Promise<unknown>,
  times = 1,
): Promise<number> {
  const before = process.cpuUsage();
  for (let time = 0; time < times; time += 1) {
    for (const jwt of all) await verify(jwt);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (all.length * times);
}

function token(n: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    iss: issuer,
    sub: `usr_${n}`,
    sub_type: 'user',
    aud: RESOURCE,
    client_id: 'cli_bench',
    client_trust: 'known',
    iat: now,
    exp: now + 3600,
    jti: `jti-${n}`,
    scope: 'files:read files:write',
    auth_time: now,
    acr: 'phr',
    amr: ['pop', 'user', 'mfa'],
    tenant: 'ten_default',
    grant_id: `grt_${n}`,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'bench', typ: 'at+jwt' })
    .sign(privateKey);
}
