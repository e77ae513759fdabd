import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

import { addTestClient, type TestServer } from './server.ts';

type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

/** A key of a client, and how it is registered. */
export interface ClientKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: PrivateKey;
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** A client that authenticates with `private_key_jwt`. */
export interface KeyClient {
  readonly clientId: string;
  readonly key: ClientKey;
}

export async function newClientKey(alg = 'ES256'): Promise<ClientKey> {
  const kid = randomUUID();
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' } };
}

/** A client with one key of this algorithm, registered inline. */
export async function addKeyClient(server: Pick<TestServer, 'database'>, alg = 'ES256'): Promise<KeyClient> {
  const key = await newClientKey(alg);
  const { clientId } = await addTestClient(server, {
    authMethod: 'private_key_jwt',
    jwks: { keys: [key.jwk] },
  });
  return { clientId, key };
}

export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What an assertion says other than a good one; `undefined` leaves a member out. */
export interface Said {
  readonly claims?: JWTPayload | Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signed with this instead. */
  readonly signer?: PrivateKey | Uint8Array;
}

/** The parameters of a client assertion (RFC 7523 §2.2), good unless said otherwise. */
export async function assertionOf(
  { issuer }: Pick<TestServer, 'issuer'>,
  { clientId, key }: KeyClient,
  { claims = {}, header = {}, signer = key.privateKey }: Said = {},
): Promise<Readonly<Record<'client_assertion' | 'client_assertion_type', string>>> {
  const now = Math.floor(Date.now() / 1000);
  const all: JWTPayload = {
    iss: clientId,
    sub: clientId,
    aud: issuer,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...claims,
  };
  const jwt = await new SignJWT(all)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(signer as Uint8Array);
  return { client_assertion_type: JWT_BEARER, client_assertion: jwt };
}
