/**
 * How a person proved who they are; a session is made from nothing else.
 *
 * `acr` and `amr` go into tokens as they are (RFC 9068 §2.2.1). `amr` has the values of RFC 8176 §2.
 * `acr` is `phr`, phishing-resistant, of the OpenID EAP ACR values, or our own `mfa` for two factors that
 * could be relayed. Whether a passkey lives in hardware is not attested, so `pop` is claimed, not `hwk`.
 */
export interface Authentication {
  readonly userId: string;
  readonly acr: 'phr' | 'mfa';
  readonly amr: readonly string[];
  readonly passkeyId?: string | undefined;
}

/** A passkey with user verification. */
export function byPasskey(userId: string, passkeyId: string): Authentication {
  return { userId, acr: 'phr', amr: ['pop', 'user', 'mfa'], passkeyId };
}

/** A password and a one-time code. */
export function byPasswordAndCode(userId: string): Authentication {
  return { userId, acr: 'mfa', amr: ['pwd', 'otp', 'mfa'] };
}
