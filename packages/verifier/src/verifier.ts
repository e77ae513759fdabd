import { compactVerify, errors } from 'jose';

import {
  type AuthorizationServerMetadata,
  createAuthorizationServer,
  isProtected,
} from './authorization-server.ts';
import { createCachedDocument } from './cached-document.ts';
import { readClaims } from './claims.ts';
import { decodeToken } from './decode.ts';
import { deepFreeze } from './deep-freeze.ts';
import type { Fetch } from './fetch-json.ts';
import { type Algorithm, createJwksReader, createKeySet, type PublishedKey } from './key-set.ts';
import { checkOptionNames } from './known-options.ts';
import { canonicalizeResource } from './resource-identifier.ts';
import { createSignatureCache, digestOf } from './signature-cache.ts';
import type { VerifiedToken } from './token.ts';
import { TokenError } from './token-error.ts';

/** What a verifier must know, and what it may be told. */
export interface VerifierOptions {
  /** The authorization server, byte for byte as its metadata write it. */
  readonly issuer: string;
  /** This MCP server: the URL that is registered at the authorization server, the only audience that is accepted. */
  readonly resource: string;
  /** Where the keys are, for a server that cannot reach the issuer under its public name. */
  readonly jwksUri?: string;
  readonly algorithms?: readonly Algorithm[];
  /** Seconds that two clocks may differ; 30 by default, at most 60. */
  readonly clockTolerance?: number;
  /** How many good signatures are remembered; 10,000 by default, 0 switches it off. */
  readonly cache?: { readonly size: number };
  /** Seconds between two fetches that unknown keys may cause; 30 by default. */
  readonly cooldown?: number;
  readonly fetch?: Fetch;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** The key that the sender of a token has proven to hold; verified by the caller. */
export interface Proof {
  readonly jkt?: string;
  readonly x5t?: string;
}

/** Verifies access tokens offline. */
export interface Verifier {
  readonly issuer: string;
  readonly resource: string;
  /**
   * The token, if it is good for this resource now. Throws `TokenError`.
   *
   * A sender-constrained token (`cnf`) is refused unless the proof shows its key: taken as a bearer
   * token, it would be worth as much to a thief as to its owner.
   */
  verify(token: string, proof?: Proof): Promise<VerifiedToken>;
  /** For how many milliseconds the token will still be accepted; what it opened should end then. */
  remaining(token: VerifiedToken): number;
  /** The metadata of the authorization server; throws when they cannot be had. */
  metadata(): Promise<AuthorizationServerMetadata>;
}

const MAX_TOLERANCE = 60;

const OPTION_NAMES = [
  'issuer',
  'resource',
  'jwksUri',
  'algorithms',
  'clockTolerance',
  'cache',
  'cooldown',
  'fetch',
  'now',
] as const satisfies readonly (keyof VerifierOptions)[];

/**
 * Creates the verifier of one MCP server.
 *
 * Nothing is fetched before the first token arrives, and afterwards only keys.
 *
 * @throws TypeError for options that do not exist or could not work; the message names the option.
 */
export function createVerifier(options: VerifierOptions): Verifier {
  check(options);
  const { issuer, resource, jwksUri, cooldown = 30, clockTolerance = 30 } = options;
  const { fetch = globalThis.fetch, now = Date.now } = options;
  const algorithms = new Set(options.algorithms ?? (['ES256', 'EdDSA', 'RS256'] as const));
  const server = createAuthorizationServer({ issuer, fetch, now });
  const document = createCachedDocument({
    url: async () => jwksUri ?? (await server.read()).jwks_uri,
    parse: createJwksReader(algorithms),
    fetch,
    now,
  });
  const keys = createKeySet({ document, cooldown: cooldown * 1000, now });
  const signatures = createSignatureCache(options.cache?.size ?? 10_000);

  function checkTimes(token: VerifiedToken): void {
    const at = now() / 1000;
    if (at >= token.expiresAt + clockTolerance) throw new TokenError('expired', 'the token expired');
    if (Math.max(token.issuedAt, token.notBefore ?? 0) > at + clockTolerance) {
      throw new TokenError('not_yet_valid', 'the token is from the future');
    }
  }

  function checkParties(token: VerifiedToken): void {
    if (token.issuer !== issuer) throw new TokenError('issuer', 'the token has another issuer');
    if (token.audience !== resource) throw new TokenError('audience', 'the token has another audience');
  }

  /** Cheap refusals come first, so that only a token that claims to be ours can cause a fetch of keys. */
  async function verifySignature(token: string, digest: string): Promise<VerifiedToken> {
    const { kid, alg, claims } = decodeToken(token, algorithms);
    const read = readClaims(claims);
    checkParties(read);
    checkTimes(read);
    const key = await keys.find(kid);
    if (key.alg !== alg) throw new TokenError('algorithm', 'the key of the token has another algorithm');
    await checkSignature(token, key);
    const verified = deepFreeze(read);
    signatures.set(digest, { token: verified, kid, key });
    return verified;
  }

  return {
    issuer,
    resource,
    metadata: () => server.read(),
    remaining: (token) => Math.max(0, (token.expiresAt + clockTolerance) * 1000 - now()),

    async verify(token, proof) {
      const digest = digestOf(token);
      const known = signatures.get(digest);
      if (known !== undefined && (await keys.holds(known.kid, known.key))) {
        try {
          checkTimes(known.token);
        } catch (error) {
          signatures.drop(digest);
          throw error;
        }
        checkProof(known.token, proof);
        return known.token;
      }
      const verified = await verifySignature(token, digest);
      checkProof(verified, proof);
      return verified;
    },
  };
}

async function checkSignature(token: string, key: PublishedKey): Promise<void> {
  try {
    await compactVerify(token, await key.load(), { algorithms: [key.alg] });
  } catch (cause) {
    if (cause instanceof errors.JWSSignatureVerificationFailed) {
      throw new TokenError('signature', 'the signature does not verify', { cause });
    }
    if (cause instanceof errors.JWSInvalid)
      throw new TokenError('malformed', 'the JWS is malformed', { cause });
    throw new TokenError('key_unknown', 'the published key cannot be used', { cause });
  }
}

/** Every method that `cnf` names must be proven. */
function checkProof({ confirmation }: VerifiedToken, proof: Proof | undefined): void {
  if (confirmation === undefined) return;
  const { jkt, x5t } = confirmation;
  if ((jkt !== undefined && jkt !== proof?.jkt) || (x5t !== undefined && x5t !== proof?.x5t)) {
    throw new TokenError('confirmation', 'the token is bound to a key that was not proven');
  }
}

function check(options: VerifierOptions): void {
  checkOptionNames('createVerifier', options, { known: OPTION_NAMES, required: ['issuer', 'resource'] });
  const { issuer, resource, jwksUri, algorithms, clockTolerance = 0, cooldown = 30 } = options;
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url === undefined || !isProtected(url) || url.hash !== '' || url.search !== '') {
    throw new TypeError('issuer must be an https URL (http only on loopback) without query and fragment');
  }
  checkResource(resource);
  if (jwksUri !== undefined && !URL.canParse(jwksUri)) throw new TypeError('jwksUri must be a URL');
  if (algorithms?.length === 0) throw new TypeError('algorithms must name at least one');
  if (!(clockTolerance >= 0 && clockTolerance <= MAX_TOLERANCE)) {
    throw new TypeError(`clockTolerance must be between 0 and ${MAX_TOLERANCE} seconds`);
  }
  if (!(cooldown >= 1)) throw new TypeError('cooldown must be at least one second');
}

/** Refuses every string that the authorization server would not register: no token could have that audience. */
function checkResource(resource: string): void {
  const canonical = canonicalizeResource(resource);
  if (canonical === resource) return;
  throw new TypeError(
    canonical === undefined
      ? 'resource must be the https URL (http only on localhost, 127.0.0.1 or [::1]) that is registered at the ' +
          'authorization server, without user, query, fragment, dot segments or encoded slashes'
      : `resource must be written as it is registered at the authorization server: ${canonical}`,
  );
}
