import { ACCESS_TOKEN_TYPE, type AccessTokenClaims } from '../../domain/tokens/index.ts';

/**
 * Verifies a JWT that this installation signed: signature, issuer and `typ`. Answers its claims, or undefined.
 * Whether it has expired is for the store to say.
 */
export type VerifyOwnToken = (
  token: string,
  expected: { readonly typ: string; readonly issuer: string },
) => Promise<Readonly<Record<string, unknown>> | undefined>;

/** Longer than any token that we sign; what is longer is not looked at. */
const MAX_LENGTH = 8192;

/** The claims of an access token of ours, which may have expired; `undefined` for anything else. */
export async function verifyOwnToken(
  verify: VerifyOwnToken,
  issuer: string,
  token: string,
): Promise<AccessTokenClaims | undefined> {
  if (token.length > MAX_LENGTH || token.split('.').length !== 3) return undefined;
  const claims = await verify(token, { typ: ACCESS_TOKEN_TYPE, issuer });
  return claims && (claims as unknown as AccessTokenClaims);
}
