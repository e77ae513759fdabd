/** How a client came to be known. */
export type Registration = 'preregistered' | 'dynamic' | 'document';

/** token_endpoint_auth_method (RFC 7591 §2, RFC 7523 §2.2). */
export const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

export const TRUST_LEVELS = ['blocked', 'untrusted', 'known', 'trusted', 'first_party'] as const;
export type Trust = (typeof TRUST_LEVELS)[number];

/** The software that connects; never a user. */
export interface Client {
  /** The client_id: `cli_…`, or the URL of its metadata document. */
  readonly id: string;
  readonly tenantId: string;
  readonly registration: Registration;
  /** What it calls itself; unverified unless pre-registered. */
  readonly name: string;
  readonly authMethod: AuthMethod;
  /** Byte-exact, as registered. */
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly trust: Trust;
  /** The rest of its registration (RFC 7591 §2): jwks, logo_uri, application_type … Never a secret. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  readonly removedAt: Date | undefined;
}
