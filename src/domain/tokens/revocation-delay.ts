/** Seconds that a verifier accepts a token after its expiry: the default `clockTolerance` of `@gatehouse-mcp/verifier`. */
export const VERIFIER_TOLERANCE_SECONDS = 30;

const SECONDS_PER_MINUTE = 60;

/**
 * Returns how soon a change of a grant has an effect at every resource server, as a phrase: "within 11 minutes".
 *
 * A resource server that verifies tokens offline accepts an access token that was issued before the change
 * until it expires. Pages and commands take the phrase from here, so that both say what the settings mean.
 *
 * @param accessTokenLifetime in seconds.
 */
export function describeRevocationDelay(accessTokenLifetime: number): string {
  const minutes = Math.ceil((accessTokenLifetime + VERIFIER_TOLERANCE_SECONDS) / SECONDS_PER_MINUTE);
  return `within ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
}
