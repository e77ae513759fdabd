import type { Config } from '../../config/config.ts';
import { ASSERTION_ALGORITHMS, AUTH_METHODS } from '../../domain/clients/index.ts';
import type { Resource } from '../../domain/resources/index.ts';
import { GRANT_TYPES } from '../../kernel/grant-types.ts';
import { SERVICE_DOCUMENTATION } from '../../kernel/service-documentation.ts';

/** What the authorization server says about itself. */
export type ServerMetadata = Readonly<Record<string, unknown>>;

/**
 * Lists the scopes that a client may request all at once. Some clients request every scope that the metadata
 * lists, so destructive scopes are left for the resource server's challenge to name.
 * Everybody reads the metadata, so nothing of any tenant but the one that everybody begins with is in it.
 */
export function blanketScopes(resources: readonly Resource[], defaultTenant: string): readonly string[] {
  const ours = resources.filter(({ tenantId }) => tenantId === defaultTenant);
  return ours.flatMap(({ scopes }) =>
    scopes.filter(({ destructive }) => !destructive).map(({ scope }) => scope),
  );
}

/**
 * Authorization server metadata (RFC 8414 §2), which is also the OpenID Provider configuration: one
 * document for both, so that they cannot disagree. It lists what works here and nothing else; of
 * signatures, what the published `keys` make, those that are about to sign included.
 */
export function serverMetadata(
  { issuer, dynamicRegistration, metadataDocuments }: Config,
  scopes: readonly string[],
  keys: readonly { readonly alg: string }[],
  {
    documentsReachable = true,
  }: {
    /** False while a server on loopback cannot resolve names: a client that reads it registers instead. */
    readonly documentsReachable?: boolean;
  } = {},
): ServerMetadata {
  const at = (path: string) => `${issuer}${path}`;
  return {
    issuer,
    authorization_endpoint: at('/authorize'),
    token_endpoint: at('/token'),
    jwks_uri: at('/jwks'),
    ...(dynamicRegistration === 'off' ? {} : { registration_endpoint: at('/register') }),
    revocation_endpoint: at('/revoke'),
    introspection_endpoint: at('/introspect'),
    scopes_supported: [...new Set(['openid', 'offline_access', ...scopes])],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: GRANT_TYPES,
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: AUTH_METHODS,
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: metadataDocuments !== 'off' && documentsReachable,
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...new Set(keys.map(({ alg }) => alg))],
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'acr', 'amr', 'nonce'],
    acr_values_supported: ['phr', 'mfa'],
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    claims_parameter_supported: false,
    service_documentation: SERVICE_DOCUMENTATION,
  };
}
