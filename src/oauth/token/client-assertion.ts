import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors } from 'oidc-provider';

/** Seconds by which the clocks of a client and of this server may differ. */
export const ASSERTION_SKEW = 60;
/** Seconds until an assertion expires, at the most: so long its `jti` has to be remembered (RFC 7523 §3). */
export const ASSERTION_LIFETIME = 3600;

/** RFC 7515 §4.1.9; the second is that of the successor of RFC 7523. Any other says that the JWT is for something else. */
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'jwt', 'client-authentication+jwt']);

type Members = Readonly<Record<string, unknown>>;

/**
 * What we ask of a client assertion beyond what the library has asked by now: a signature of one of the
 * client's keys, `iss` and `sub` that are its client_id, a `jti`, and an `exp` that has not passed
 * (RFC 7523 §3).
 *
 * It must be meant for us alone. A list that also names somebody else is refused: whoever that is could
 * present it here first.
 *
 * @throws InvalidClientAuth with the record's word for it.
 */
export async function checkAssertion(
  ctx: KoaContextWithOIDC,
  claims: Members,
  header: Members,
): Promise<void> {
  const { typ } = header;
  if (!TYPES.has(typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ)) {
    throw new errors.InvalidClientAuth('assertion_type');
  }
  const accepted = ctx.oidc.clientJwtAuthExpectedAudience();
  if (![claims['aud']].flat().every((audience) => accepted.has(String(audience)))) {
    throw new errors.InvalidClientAuth('assertion_audience');
  }
  const now = Math.floor(Date.now() / 1000);
  if (!(Number(claims['exp']) <= now + ASSERTION_LIFETIME + ASSERTION_SKEW)) {
    throw new errors.InvalidClientAuth('assertion_lifetime');
  }
  const { iat } = claims;
  if (iat !== undefined && !(typeof iat === 'number' && iat <= now + ASSERTION_SKEW)) {
    throw new errors.InvalidClientAuth('assertion_not_yet_valid');
  }
}
