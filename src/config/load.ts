import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isLoopbackHost } from '../kernel/loopback.ts';

import type { Config, Listen } from './config.ts';
import { readEnvironment } from './environment.ts';
import { readMasterKey } from './master-key.ts';
import { Settings } from './schema.ts';
import { unknownSettings } from './unknown-settings.ts';

/** One or more settings cannot be used; `message` lists them all, each with what to do. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** Seconds that our own verifier keeps the JWKS, however short its lifetime. */
const MIN_JWKS_LIFETIME = 30;

/**
 * Turns the environment into one frozen Config, or reports every fault at once.
 *
 * The only reader of `process.env`, and of a `.env` file in `cwd`, whose settings give way to those of
 * the environment. Relative paths are taken from `cwd`. In development a missing master key is made
 * and kept in `keys/master.key`, unless `DATABASE_URL` is set; in production it must be given.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>> | undefined = undefined,
  cwd: string = process.cwd(),
): Config {
  const source = env === undefined ? readEnvironment(process.env, cwd) : { env, warnings: [] };
  const given = source.env;
  const warnings = [...source.warnings, ...unknownSettings(Object.keys(given), Object.keys(Settings.shape))];
  const parsed = Settings.safeParse(withoutEmpty(given));
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  }
  const settings = parsed.data;
  const faults: string[] = [];

  const issuer = parseIssuer(settings.GATEHOUSE_ISSUER, faults);
  const loopback = isLoopbackHost(issuer.hostname);
  const production = settings.NODE_ENV === 'production';
  const dataDir = resolve(cwd, settings.GATEHOUSE_DATA_DIR);

  if (issuer.protocol === 'http:' && !loopback) {
    faults.push('GATEHOUSE_ISSUER: must be https unless its host is loopback (RFC 8414 §2)');
  }
  if (settings.GATEHOUSE_THROTTLE === 'off' && !loopback) {
    faults.push('GATEHOUSE_THROTTLE: `off` is accepted only while the issuer is loopback');
  }
  if (production) {
    if (issuer.protocol === 'http:') faults.push('GATEHOUSE_ISSUER: production needs an https issuer');
    if (settings.GATEHOUSE_THROTTLE === 'off') faults.push('GATEHOUSE_THROTTLE: must be `on` in production');
    if (settings.GATEHOUSE_JWKS_LIFETIME < MIN_JWKS_LIFETIME) {
      faults.push(`GATEHOUSE_JWKS_LIFETIME: verifiers keep keys for at least ${MIN_JWKS_LIFETIME} seconds`);
    }
    if (!settings.DATABASE_URL && settings.GATEHOUSE_EMBEDDED_DATABASE !== 'on' && !existsSync(dataDir)) {
      faults.push(
        `DATABASE_URL: empty, and there is no embedded database in ${dataDir}; set it, or make a new embedded database on purpose with GATEHOUSE_EMBEDDED_DATABASE=on`,
      );
    }
    if (settings.GATEHOUSE_METADATA_DOCUMENTS === 'open') {
      faults.push('GATEHOUSE_METADATA_DOCUMENTS: `open` is for development; use `allowlist` or `review`');
    }
    if (settings.GATEHOUSE_DYNAMIC_REGISTRATION === 'open') {
      faults.push(
        'GATEHOUSE_DYNAMIC_REGISTRATION: `open` is for development; use `off` or `initial-access-token`',
      );
    }
  }
  const masterKey = readMasterKey(settings, { production, cwd }, faults, warnings);
  if (faults.length > 0 || masterKey === undefined) throw new ConfigError(faults);

  return Object.freeze<Config>({
    warnings,
    production,
    issuer: settings.GATEHOUSE_ISSUER,
    issuerIsLoopback: loopback,
    issuerChangedFrom: settings.GATEHOUSE_ISSUER_CHANGED_FROM || undefined,
    listen: settings.GATEHOUSE_LISTEN ? parseListen(settings.GATEHOUSE_LISTEN) : listenFrom(issuer),
    internalListen: parseListen(settings.GATEHOUSE_INTERNAL_LISTEN),
    internalHosts: settings.GATEHOUSE_INTERNAL_HOSTS.split(',')
      .map((host) => host.trim().toLowerCase())
      .filter(Boolean),
    workers: settings.GATEHOUSE_WORKERS,
    example: {
      listen: settings.GATEHOUSE_EXAMPLE_LISTEN ? parseListen(settings.GATEHOUSE_EXAMPLE_LISTEN) : undefined,
      resource: settings.GATEHOUSE_EXAMPLE_RESOURCE,
    },
    dataDir,
    masterKey,
    logLevel: settings.GATEHOUSE_LOG_LEVEL,
    traces: {
      endpoint: settings.GATEHOUSE_TRACES_ENDPOINT || undefined,
      sample: settings.GATEHOUSE_TRACES_SAMPLE,
    },
    databaseUrl: settings.DATABASE_URL || undefined,
    databasePoolSize: settings.DATABASE_POOL_SIZE,
    redisUrl: settings.REDIS_URL || undefined,
    trustedProxies: settings.GATEHOUSE_TRUSTED_PROXIES.split(',')
      .map((s) => s.trim())
      .filter(Boolean),
    fetchTimeout: settings.GATEHOUSE_FETCH_TIMEOUT,
    metadataDocuments:
      settings.GATEHOUSE_METADATA_DOCUMENTS || (loopback && !production ? 'open' : 'allowlist'),
    metadataDocumentsByDefault: settings.GATEHOUSE_METADATA_DOCUMENTS === '',
    dynamicRegistration:
      settings.GATEHOUSE_DYNAMIC_REGISTRATION || (loopback && !production ? 'open' : 'off'),
    defaultResource: settings.GATEHOUSE_DEFAULT_RESOURCE || undefined,
    signingAlgorithm: settings.GATEHOUSE_SIGNING_ALGORITHM,
    keys: {
      jwksLifetime: settings.GATEHOUSE_JWKS_LIFETIME,
      skew: settings.GATEHOUSE_KEY_SKEW,
      rotateAfter: settings.GATEHOUSE_KEY_ROTATION,
    },
    lifetimes: {
      accessToken: settings.GATEHOUSE_ACCESS_TOKEN_LIFETIME,
      code: settings.GATEHOUSE_CODE_LIFETIME,
      refreshIdle: settings.GATEHOUSE_REFRESH_IDLE_LIFETIME,
      grant: settings.GATEHOUSE_GRANT_LIFETIME,
      untrustedRefreshIdle: settings.GATEHOUSE_UNTRUSTED_REFRESH_IDLE_LIFETIME,
      untrustedGrant: settings.GATEHOUSE_UNTRUSTED_GRANT_LIFETIME,
      firstPartyRefreshIdle: settings.GATEHOUSE_FIRST_PARTY_REFRESH_IDLE_LIFETIME,
      firstPartyGrant: settings.GATEHOUSE_FIRST_PARTY_GRANT_LIFETIME,
      refreshGrace: settings.GATEHOUSE_REFRESH_GRACE,
      interaction: settings.GATEHOUSE_INTERACTION_LIFETIME,
      sessionIdle: settings.GATEHOUSE_SESSION_IDLE_LIFETIME,
      session: settings.GATEHOUSE_SESSION_LIFETIME,
      setupLink: settings.GATEHOUSE_SETUP_LINK_LIFETIME,
      enrolmentLink: settings.GATEHOUSE_ENROLMENT_LINK_LIFETIME,
      recoveryLink: settings.GATEHOUSE_RECOVERY_LINK_LIFETIME,
    },
    throttle: {
      enabled: settings.GATEHOUSE_THROTTLE === 'on',
      signInPerAccount: settings.GATEHOUSE_THROTTLE_SIGN_IN_ACCOUNT,
      signInPerNetwork: settings.GATEHOUSE_THROTTLE_SIGN_IN_NETWORK,
      registrationPerNetwork: settings.GATEHOUSE_THROTTLE_REGISTRATION_NETWORK,
      registrationInAll: settings.GATEHOUSE_THROTTLE_REGISTRATION_ALL,
      tokenPerNetwork: settings.GATEHOUSE_THROTTLE_TOKEN_NETWORK,
      tokenPerGrant: settings.GATEHOUSE_THROTTLE_GRANT,
      authorizationPerNetwork: settings.GATEHOUSE_THROTTLE_AUTHORIZATION_NETWORK,
      documentsPerNetwork: settings.GATEHOUSE_THROTTLE_DOCUMENT_NETWORK,
      documentsPerHost: settings.GATEHOUSE_THROTTLE_DOCUMENT_HOST,
    },
    unusedClients: {
      quota: {
        perNetwork: settings.GATEHOUSE_MAX_UNUSED_CLIENTS_NETWORK,
        inAll: settings.GATEHOUSE_MAX_UNUSED_CLIENTS,
      },
      lifetime: settings.GATEHOUSE_UNUSED_CLIENT_LIFETIME,
    },
    idleClientLifetime: settings.GATEHOUSE_IDLE_CLIENT_LIFETIME,
    maxInteractions: settings.GATEHOUSE_MAX_INTERACTIONS,
    clientRequests: {
      perPerson: settings.GATEHOUSE_MAX_CLIENT_REQUESTS_PERSON,
      inAll: settings.GATEHOUSE_MAX_CLIENT_REQUESTS,
    },
    maxPasswordHashes: settings.GATEHOUSE_MAX_PASSWORD_HASHES,
    auditRetention: settings.GATEHOUSE_AUDIT_RETENTION,
    startedByNpm: given['npm_lifecycle_event'] !== undefined,
  });
}

/** An empty value in a shell or a `.env` file means "not set", so that defaults apply; those that mean "off" keep it. */
function withoutEmpty(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const emptyMeansOff = new Set(['GATEHOUSE_EXAMPLE_LISTEN', 'GATEHOUSE_KEY_ROTATION']);
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && (entry[1].trim() !== '' || emptyMeansOff.has(entry[0])),
    ),
  );
}

/** RFC 8414 §2: no query, no fragment; and no trailing slash, so that every copy of it is byte-identical. */
function parseIssuer(value: string, faults: string[]): URL {
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol)) {
    faults.push('GATEHOUSE_ISSUER: must be an absolute https URL');
    return new URL('http://localhost');
  }
  const canonical = url.pathname === '/' ? url.origin : url.origin + url.pathname;
  if (canonical !== value) {
    faults.push(
      `GATEHOUSE_ISSUER: write it as ${canonical.replace(/(?<!\/)\/+$/, '')} (no trailing slash, query or fragment)`,
    );
  } else if (value.endsWith('/')) {
    faults.push(`GATEHOUSE_ISSUER: write it as ${value.replace(/(?<!\/)\/+$/, '')} (no trailing slash)`);
  }
  return url;
}

function parseListen(value: string): Listen {
  const at = value.lastIndexOf(':');
  return { host: value.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(value.slice(at + 1)) };
}

/** A loopback issuer is served on loopback only; any other host is assumed to have a proxy before us. */
function listenFrom(issuer: URL): Listen {
  const port = Number(issuer.port) || (issuer.protocol === 'https:' ? 4000 : 80);
  return { host: issuer.hostname === '[::1]' ? '::1' : '127.0.0.1', port };
}
