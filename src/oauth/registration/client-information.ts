import type { Client } from '../../domain/clients/index.ts';
import { epochSeconds } from '../../kernel/clock.ts';

/** What only the client may know of its registration, in the clear. */
export interface RegistrationCredentials {
  /** Absent where it is not made anew: only a hash of it is kept. */
  readonly secret?: string | undefined;
  readonly registrationAccessToken: string;
}

/**
 * The client information response (RFC 7591 §3.2.1, RFC 7592 §3): everything as it is registered, with
 * nothing null and nothing empty.
 *
 * An answer that is not the first one has no `client_secret`, because nobody here knows it; that there is
 * one, and that it does not expire, it says.
 */
export function clientInformation(
  client: Client,
  { secret, registrationAccessToken }: RegistrationCredentials,
  issuer: string,
): Readonly<Record<string, unknown>> {
  const confidential = client.authMethod.startsWith('client_secret');
  return {
    client_id: client.id,
    client_id_issued_at: epochSeconds(client.createdAt),
    ...(secret === undefined ? {} : { client_secret: secret }),
    // Present exactly when there is a secret; 0 never expires.
    ...(confidential ? { client_secret_expires_at: 0 } : {}),
    client_name: client.name,
    redirect_uris: client.redirectUris,
    grant_types: client.grantTypes,
    token_endpoint_auth_method: client.authMethod,
    ...client.metadata,
    registration_client_uri: `${issuer}/register/${client.id}`,
    registration_access_token: registrationAccessToken,
  };
}
