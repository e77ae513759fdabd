import { DELEGATED_GRANT_TYPES, type GrantType } from '../../kernel/grant-types.ts';
import { AUTH_METHODS, type AuthMethod } from './client.ts';
import { type Keys, readKeys } from './registered-keys.ts';
import { applicationType, checkRedirectUris } from './registered-redirects.ts';
import { displayName, isObject, isText, strings, webUri } from './registered-values.ts';

/** The error codes of RFC 7591 §3.2.2. */
export type RegistrationError =
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'invalid_software_statement'
  | 'unapproved_software_statement';

/** What is left of a registration: complete, typed, without null, empty strings or anything that we do not serve. */
export interface ClientMetadata extends Keys {
  /** Of a metadata document only: the URL that it says it is. */
  readonly client_id?: string;
  readonly client_name: string;
  /** Byte-exact and in order. */
  readonly redirect_uris: readonly string[];
  readonly application_type: 'native' | 'web';
  readonly grant_types: readonly GrantType[];
  readonly response_types: readonly ['code'];
  readonly token_endpoint_auth_method: AuthMethod;
  readonly client_uri?: string;
  readonly logo_uri?: string;
  readonly policy_uri?: string;
  readonly tos_uri?: string;
  readonly contacts?: readonly string[];
  readonly software_id?: string;
  readonly software_version?: string;
}

export type NormalizedRegistration =
  | { readonly ok: true; readonly metadata: ClientMetadata }
  /** `reason` says what is wrong and how to mend it, and may be shown to whoever registers. */
  | {
      readonly ok: false;
      readonly error: RegistrationError;
      readonly reason: string;
      /** Where one member is to blame, what is wrong with it, for the audit trail. */
      readonly code?: string;
    };

/**
 * Turns what clients really send into what we serve (RFC 7591 §2, §3.2.1; client ID metadata documents).
 *
 * Clients list every grant type, response type and scope that they know anywhere, send null and empty
 * strings, and leave `application_type` out. All of that is dropped or inferred and not refused: the
 * answer tells them what they got. Refused is what would be unsafe or could never work: a redirect URI
 * that must not be registered, a document with a secret, an authentication method that we do not have.
 * `scope` is dropped on purpose: registered, it would become a ceiling and step-up would fail.
 */
export function normalizeRegistration(
  body: unknown,
  { kind }: { readonly kind: 'dynamic' | 'document' },
): NormalizedRegistration {
  if (!isObject(body)) return refuse('the client metadata must be one JSON object');
  const document = kind === 'document';

  const statement = document ? undefined : refuseSoftwareStatement(body['software_statement']);
  if (statement) return statement;

  // Before the redirects: a client that needs none asks for a grant type that has none.
  const grantTypes = readGrantTypes(body['grant_types']);
  if (!grantTypes) {
    return refuse(
      `none of the grant_types can be registered; a client can have ${DELEGATED_GRANT_TYPES.join(' and ')}`,
    );
  }
  const redirects = checkRedirectUris(body['redirect_uris']);
  if (!redirects.ok) {
    return {
      ok: false,
      error: document ? 'invalid_client_metadata' : 'invalid_redirect_uri',
      reason: redirects.reason,
      code: redirects.code,
    };
  }
  const method = readAuthMethod(body['token_endpoint_auth_method'], document);
  if (!method.ok) return method;
  if (document && isText(body['client_secret'])) {
    return refuse(
      'a metadata document is public and cannot carry a client_secret; use none or private_key_jwt',
    );
  }
  const keys = readKeys(body, method.value);
  if (!keys.ok) return refuse(keys.reason);

  const name = displayName(body['client_name']);
  if (document && name === undefined) return refuse('a metadata document names its client: add client_name');
  if (document && !isText(body['client_id']))
    return refuse('a metadata document states its own URL as client_id');

  return {
    ok: true,
    metadata: {
      ...(document ? { client_id: String(body['client_id']) } : {}),
      client_name: name ?? 'Unnamed client',
      redirect_uris: redirects.uris,
      application_type: applicationType(redirects.uris, body['application_type']),
      grant_types: grantTypes,
      response_types: ['code'],
      token_endpoint_auth_method: method.value,
      ...keys.value,
      ...descriptions(body),
    },
  };
}

const refuse = (reason: string) => ({ ok: false, error: 'invalid_client_metadata', reason }) as const;

/**
 * RFC 7591 §2.3 and §3.2.2: a statement would outrank the metadata beside it, and nobody's is trusted
 * here. So a good one is not approved and anything else is not valid; none is silently ignored.
 */
function refuseSoftwareStatement(value: unknown): NormalizedRegistration | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const signed = typeof value === 'string' && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(value) && !isUnsigned(value);
  return signed
    ? {
        ok: false,
        error: 'unapproved_software_statement',
        reason: 'no issuer of software statements is trusted here; register without software_statement',
      }
    : {
        ok: false,
        error: 'invalid_software_statement',
        reason: 'software_statement must be a signed JWT; register without it',
      };
}

function isUnsigned(jwt: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString('utf8'));
    return !isObject(header) || typeof header['alg'] !== 'string' || header['alg'].toLowerCase() === 'none';
  } catch {
    return true;
  }
}

/** Those that a client can register for; the default of RFC 7591 §2 when none is named; `undefined` when only others are. */
function readGrantTypes(value: unknown): readonly GrantType[] | undefined {
  const asked = strings(value);
  if (asked.length === 0) return ['authorization_code'];
  const allowed = DELEGATED_GRANT_TYPES.filter((type) => asked.includes(type));
  if (allowed.length === 0) return undefined;
  // RFC 7591 §2.1: the code response type goes with its grant, and a refresh needs something to begin with.
  return allowed.includes('authorization_code') ? allowed : ['authorization_code', ...allowed];
}

/** RFC 7591 §2: client_secret_basic when absent. A document cannot hold a secret, so there it is none. */
function readAuthMethod(
  value: unknown,
  document: boolean,
): { readonly ok: true; readonly value: AuthMethod } | ReturnType<typeof refuse> {
  if (value === undefined || value === null || value === '') {
    return { ok: true, value: document ? 'none' : 'client_secret_basic' };
  }
  const methods = AUTH_METHODS.filter((method) => !document || !method.startsWith('client_secret'));
  const found = methods.find((method) => method === value);
  return found === undefined
    ? refuse(`token_endpoint_auth_method must be ${methods.join(', ')}`)
    : { ok: true, value: found };
}

/** What is shown about a client. Unusable values are left out: a broken logo is no reason to lock a client out. */
function descriptions(body: Readonly<Record<string, unknown>>) {
  const contacts = strings(body['contacts']).filter((contact) =>
    /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(contact),
  );
  const uris = (['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'] as const).flatMap((name) => {
    const uri = webUri(body[name]);
    return uri === undefined ? [] : [[name, uri] as const];
  });
  const software = (['software_id', 'software_version'] as const).flatMap((name) => {
    const value = displayName(body[name]);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries([...uris, ...software]),
    ...(contacts.length > 0 ? { contacts } : {}),
  };
}
