import { z } from 'zod';

/** A setting as it stands in the environment. Where it is optional, empty means unset. */
const text = z.string().trim();
const optional = text.default('');
const oneOf = <const T extends readonly [string, ...string[]]>(...values: T) => z.enum(values);
const seconds = (fallback: number, { min = 1, max = 315_360_000 } = {}) =>
  z.coerce
    .number({ error: 'must be a whole number of seconds, for example 300' })
    .int()
    .min(min)
    .max(max)
    .default(fallback);
const count = (fallback: number, { min = 1, max = 1_000_000 } = {}) =>
  z.coerce
    .number({ error: 'must be a whole number, for example 10' })
    .int()
    .min(min)
    .max(max)
    .default(fallback);

/** `host:port`, where an IPv6 host stands in brackets. */
const listen = text.regex(
  /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/i,
  'must be host:port',
);
const listenOrNone = z.literal('').or(listen);
const urlOrNone = z.literal('').or(z.url({ protocol: /^https?$/ }));

/**
 * Every setting, in the order and with the words of `.env.example` (a test compares them).
 * Durations are whole seconds.
 */
export const Settings = z.object({
  NODE_ENV: oneOf('development', 'production', 'test')
    .default('development')
    .describe('`production` refuses to start with an insecure setting'),

  GATEHOUSE_ISSUER: text
    .default('http://localhost:4000')
    .describe('The issuer identifier (RFC 8414 §2): no trailing slash; never change it once clients know it'),
  GATEHOUSE_ISSUER_CHANGED_FROM: optional.describe(
    'The issuer that the store knows, to change it on purpose: clients and passkeys have to be set up again',
  ),
  GATEHOUSE_LISTEN: listenOrNone
    .default('')
    .describe('host:port of the public listener; empty: from the issuer'),
  GATEHOUSE_INTERNAL_LISTEN: listen
    .default('127.0.0.1:4002')
    .describe('host:port of probes and metrics; never expose it'),
  GATEHOUSE_INTERNAL_HOSTS: optional.describe(
    'Host names, comma-separated, that probes and metrics are asked for; localhost and IP addresses always are',
  ),
  GATEHOUSE_WORKERS: count(1, { max: 128 }).describe(
    'Processes that `gatehouse serve` answers with; each has connections of its own to the database',
  ),
  GATEHOUSE_EXAMPLE_LISTEN: listenOrNone
    .default('127.0.0.1:4001')
    .describe('host:port of the example MCP server; empty switches it off'),
  GATEHOUSE_EXAMPLE_RESOURCE: text
    .default('http://localhost:4001/mcp')
    .describe('The resource identifier of the example MCP server'),
  GATEHOUSE_DATA_DIR: text.default('.gatehouse').describe('Where the embedded PostgreSQL keeps its data'),
  GATEHOUSE_EMBEDDED_DATABASE: oneOf('', 'on')
    .default('')
    .describe('`on` lets production make a new embedded PostgreSQL where DATABASE_URL is empty'),
  GATEHOUSE_MASTER_KEY_FILE: optional.describe(
    'File with the master key (32 bytes, base64url); empty: keys/master.key in development',
  ),
  GATEHOUSE_MASTER_KEY: optional.describe('The master key itself; the file is the better place'),
  GATEHOUSE_LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent')
    .default('info')
    .describe('Logs are JSON lines on standard error'),
  GATEHOUSE_TRACES_ENDPOINT: urlOrNone
    .default('')
    .describe(
      'Where traces go, by OTLP over HTTP, for example http://localhost:4318/v1/traces; empty: nowhere',
    ),
  GATEHOUSE_TRACES_SAMPLE: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Part of the traces that is kept, 0 to 1'),
  DATABASE_URL: optional.describe('PostgreSQL 15 or later; empty: an embedded one'),
  DATABASE_POOL_SIZE: count(10, { max: 500 }).describe('Connections per process'),
  REDIS_URL: optional.describe('Redis 7 or later, for throttles shared by processes; empty: none'),
  GATEHOUSE_TRUSTED_PROXIES: optional.describe(
    'Addresses or CIDR blocks, comma-separated, whose X-Forwarded-For is believed',
  ),

  GATEHOUSE_METADATA_DOCUMENTS: oneOf('', 'off', 'allowlist', 'review', 'open')
    .default('')
    .describe(
      'Client ID Metadata Documents; empty: open on a loopback issuer (announced while names can be resolved), else allowlist',
    ),
  GATEHOUSE_FETCH_TIMEOUT: seconds(5, { max: 5 }).describe(
    'Time to fetch what a client publishes; a fetch that fails is told when it is over, and not before',
  ),
  GATEHOUSE_DYNAMIC_REGISTRATION: oneOf('', 'off', 'initial-access-token', 'open')
    .default('')
    .describe('Dynamic client registration (RFC 7591); empty: open on a loopback issuer, else off'),
  GATEHOUSE_DEFAULT_RESOURCE: optional.describe(
    'Resource for clients that send none; empty: the only one, if exactly one is registered',
  ),

  GATEHOUSE_SIGNING_ALGORITHM: oneOf('ES256', 'EdDSA', 'RS256')
    .default('ES256')
    .describe('Algorithm of new signing keys'),
  GATEHOUSE_JWKS_LIFETIME: seconds(300, { max: 86_400 }).describe(
    'How long verifiers may keep the keys; a new key is published that long before it signs',
  ),
  GATEHOUSE_KEY_SKEW: seconds(120, { min: 2, max: 3600 }).describe(
    'Added to the times that keys are published, for clocks that differ and slow fetches',
  ),
  GATEHOUSE_KEY_ROTATION: seconds(7_776_000, { min: 0 }).describe(
    'Age at which a signing key is replaced (90 days); 0 or empty: by `keys rotate` only',
  ),
  GATEHOUSE_ACCESS_TOKEN_LIFETIME: seconds(600, { min: 30, max: 3600 }).describe(
    'Access tokens; with 300 or less, clients that refresh five minutes early do so at every call',
  ),
  GATEHOUSE_CODE_LIFETIME: seconds(60, { min: 10, max: 600 }).describe('Authorization codes'),
  GATEHOUSE_REFRESH_IDLE_LIFETIME: seconds(1_209_600).describe('Refresh tokens without use (14 days)'),
  GATEHOUSE_GRANT_LIFETIME: seconds(7_776_000).describe('A grant, however much it is used (90 days)'),
  GATEHOUSE_UNTRUSTED_REFRESH_IDLE_LIFETIME: seconds(86_400).describe(
    'The same for untrusted clients (1 day)',
  ),
  GATEHOUSE_UNTRUSTED_GRANT_LIFETIME: seconds(604_800).describe('The same for untrusted clients (7 days)'),
  GATEHOUSE_FIRST_PARTY_REFRESH_IDLE_LIFETIME: seconds(2_592_000).describe(
    'The same for first-party clients (30 days)',
  ),
  GATEHOUSE_FIRST_PARTY_GRANT_LIFETIME: seconds(15_552_000).describe(
    'The same for first-party clients (180 days)',
  ),
  GATEHOUSE_REFRESH_GRACE: seconds(90, { min: 0, max: 300 }).describe(
    'How long after its first use a refresh token still answers, with the newest one of its connection',
  ),
  GATEHOUSE_INTERACTION_LIFETIME: seconds(600, { min: 60, max: 3600 }).describe(
    'Time to sign in and consent',
  ),
  GATEHOUSE_SESSION_IDLE_LIFETIME: seconds(86_400).describe('Sign-in sessions without use (1 day)'),
  GATEHOUSE_SESSION_LIFETIME: seconds(1_209_600).describe('Sign-in sessions at the most (14 days)'),
  GATEHOUSE_UNUSED_CLIENT_LIFETIME: seconds(604_800, { min: 3600 }).describe(
    'Clients that registered themselves, while nobody allows them anything (7 days)',
  ),
  GATEHOUSE_IDLE_CLIENT_LIFETIME: seconds(7_776_000, { min: 86_400 }).describe(
    'The same after the last of their grants ended (90 days)',
  ),
  GATEHOUSE_SETUP_LINK_LIFETIME: seconds(900).describe('The link that makes the first administrator'),
  GATEHOUSE_ENROLMENT_LINK_LIFETIME: seconds(86_400, { min: 60 }).describe(
    'The one-time link of `user add` (1 day)',
  ),
  GATEHOUSE_RECOVERY_LINK_LIFETIME: seconds(86_400, { min: 60 }).describe(
    'The one-time link of `user reset` (1 day)',
  ),
  GATEHOUSE_AUDIT_RETENTION: z.coerce
    .number()
    .int()
    .min(0)
    .max(3_153_600_000)
    .refine((value) => value === 0 || value >= 86_400, 'must be 0 or at least 86400 (a day)')
    .default(31_536_000)
    .describe('Audit records (a year); 0: for ever'),

  GATEHOUSE_THROTTLE: oneOf('on', 'off')
    .default('on')
    .describe('`off` is refused unless the issuer is loopback'),
  GATEHOUSE_THROTTLE_SIGN_IN_ACCOUNT: count(20).describe('Wrong attempts per account and hour'),
  GATEHOUSE_THROTTLE_SIGN_IN_NETWORK: count(100).describe('Wrong attempts per network and hour'),
  GATEHOUSE_THROTTLE_REGISTRATION_NETWORK: count(60).describe('Registrations per network and hour'),
  GATEHOUSE_THROTTLE_REGISTRATION_ALL: count(2000).describe('Registrations per hour, in all'),
  GATEHOUSE_THROTTLE_TOKEN_NETWORK: count(600).describe('Refused token requests per network and minute'),
  GATEHOUSE_THROTTLE_GRANT: count(60).describe(
    'Token requests of one connection at once; after them one a second',
  ),
  GATEHOUSE_THROTTLE_AUTHORIZATION_NETWORK: count(300).describe(
    'Authorization requests per network and minute',
  ),
  GATEHOUSE_THROTTLE_DOCUMENT_NETWORK: count(30).describe(
    'Metadata documents that are not known yet, looked up per network and minute',
  ),
  GATEHOUSE_THROTTLE_DOCUMENT_HOST: count(60).describe('The same per host that they are at'),
  GATEHOUSE_MAX_INTERACTIONS: count(100_000, { max: 10_000_000 }).describe(
    'Authorizations that wait for a person at the same time, in all',
  ),
  GATEHOUSE_MAX_UNUSED_CLIENTS: count(10_000).describe(
    'Clients that registered themselves and that nobody has allowed anything, in all',
  ),
  GATEHOUSE_MAX_UNUSED_CLIENTS_NETWORK: count(200).describe('The same, per network'),
  GATEHOUSE_MAX_CLIENT_REQUESTS: count(1000).describe(
    'Requests for clients that wait for an administrator, in all (metadata documents under `review`)',
  ),
  GATEHOUSE_MAX_CLIENT_REQUESTS_PERSON: count(10).describe('The same for one person'),
  GATEHOUSE_MAX_PASSWORD_HASHES: count(2, { max: 64 }).describe('Password hashes computed at the same time'),
});

export type Settings = z.infer<typeof Settings>;
