import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** One signing key of the test issuer. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** How the issuer behaves; tests change it as they go. */
interface Behaviour {
  keys: JWK[];
  cacheControl: string | undefined;
  /** Answers instead of the JWKS, to play an outage. */
  jwksAnswer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  metadata: Record<string, unknown>;
}

export interface TestIssuer {
  readonly issuer: string;
  readonly key: SigningKey;
  readonly behaviour: Behaviour;
  readonly hits: { jwks: number; metadata: number };
  /** A signed access token; `claims` and `header` replace the usual ones, undefined removes one. */
  token(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
    key?: SigningKey,
  ): Promise<string>;
  close(): Promise<void>;
}

/** A real HTTP server that publishes real keys and signs what a test asks for. */
export async function startIssuer({
  resource,
  path = '',
}: {
  resource: string;
  path?: string;
}): Promise<TestIssuer> {
  const hits = { jwks: 0, metadata: 0 };
  const key = await createKey('ES256', 'key-1');
  const behaviour: Behaviour = {
    keys: [key.publicJwk],
    cacheControl: 'public, max-age=300',
    jwksAnswer: undefined,
    metadata: {},
  };
  const server = createServer((request, response) => {
    if (request.url === `${path}/jwks`) {
      hits.jwks += 1;
      if (behaviour.jwksAnswer !== undefined) return behaviour.jwksAnswer(request, response);
      return json(response, { keys: behaviour.keys }, behaviour.cacheControl);
    }
    if (request.url === `${path}/moved`) return json(response, { keys: behaviour.keys }, undefined);
    if (request.url === `/.well-known/oauth-authorization-server${path}`) {
      hits.metadata += 1;
      return json(response, behaviour.metadata, undefined);
    }
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  behaviour.metadata = { issuer, jwks_uri: `${issuer}/jwks`, token_endpoint: `${issuer}/token` };

  return {
    issuer,
    key,
    behaviour,
    hits,
    token(claims = {}, header = {}, signer = key) {
      const now = Math.floor(Date.now() / 1000);
      const payload = {
        iss: issuer,
        sub: 'usr_ana',
        aud: resource,
        client_id: 'cli_code',
        iat: now,
        exp: now + 300,
        jti: crypto.randomUUID(),
        scope: 'files:read',
        ...claims,
      };
      return new SignJWT(payload)
        .setProtectedHeader({ alg: signer.alg, kid: signer.kid, typ: 'at+jwt', ...header })
        .sign(signer.privateKey);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A fresh key pair and its published half. */
export async function createKey(alg: string, kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

function json(response: ServerResponse, body: unknown, cacheControl: string | undefined): void {
  if (cacheControl !== undefined) response.setHeader('cache-control', cacheControl);
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
}
