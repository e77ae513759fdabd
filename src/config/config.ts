/** An address to listen on. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Whole seconds. */
export interface Lifetimes {
  readonly accessToken: number;
  readonly code: number;
  readonly refreshIdle: number;
  readonly grant: number;
  readonly untrustedRefreshIdle: number;
  readonly untrustedGrant: number;
  readonly firstPartyRefreshIdle: number;
  readonly firstPartyGrant: number;
  readonly refreshGrace: number;
  readonly interaction: number;
  readonly sessionIdle: number;
  readonly session: number;
  readonly setupLink: number;
  readonly enrolmentLink: number;
  readonly recoveryLink: number;
}

/** The configuration of one process, frozen. */
export interface Config {
  /** What an operator should look at, though the configuration can be used. */
  readonly warnings: readonly string[];
  readonly production: boolean;
  /** RFC 8414 §2, byte-identical wherever it appears. */
  readonly issuer: string;
  readonly issuerIsLoopback: boolean;
  /** The issuer that the store may still have, where it is changed on purpose. */
  readonly issuerChangedFrom: string | undefined;
  readonly listen: Listen;
  readonly internalListen: Listen;
  /** Host names that the internal listener answers to, beside localhost and IP addresses. */
  readonly internalHosts: readonly string[];
  /** Processes that answer; 1: the one that was started. */
  readonly workers: number;
  readonly example: { readonly listen: Listen | undefined; readonly resource: string };
  /** Absolute path. */
  readonly dataDir: string;
  /** 32 bytes. */
  readonly masterKey: Buffer;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly traces: {
    /** URL; `undefined` when nothing is traced. */
    readonly endpoint: string | undefined;
    /** 0 to 1. */
    readonly sample: number;
  };
  readonly databaseUrl: string | undefined;
  readonly databasePoolSize: number;
  readonly redisUrl: string | undefined;
  readonly trustedProxies: readonly string[];
  /** Seconds for fetching what somebody else named; also the time after which a failure is told. */
  readonly fetchTimeout: number;
  /** What is done with clients that are named by the URL of a metadata document. */
  readonly metadataDocuments: 'off' | 'allowlist' | 'review' | 'open';
  /** Whether the setting is empty, so that documents are announced only while they can be fetched (`open` on loopback). */
  readonly metadataDocumentsByDefault: boolean;
  readonly dynamicRegistration: 'off' | 'initial-access-token' | 'open';
  /** Resource identifier for requests that name none. */
  readonly defaultResource: string | undefined;
  readonly signingAlgorithm: 'ES256' | 'EdDSA' | 'RS256';
  /** Whole seconds. */
  readonly keys: {
    /** How long a verifier may keep the JWKS. */
    readonly jwksLifetime: number;
    /** What is added to every time that a key is published. */
    readonly skew: number;
    /** How old a signing key gets; 0: it is replaced by people only. */
    readonly rotateAfter: number;
  };
  readonly lifetimes: Lifetimes;
  readonly throttle: {
    readonly enabled: boolean;
    /** Wrong attempts per hour. */
    readonly signInPerAccount: number;
    readonly signInPerNetwork: number;
    /** Registrations per hour. */
    readonly registrationPerNetwork: number;
    readonly registrationInAll: number;
    /** Refused token requests per minute. */
    readonly tokenPerNetwork: number;
    /** Token requests of one grant at once; after them one a second. */
    readonly tokenPerGrant: number;
    /** Authorization requests per minute. */
    readonly authorizationPerNetwork: number;
    /** Metadata documents that nobody has a copy of, per minute. */
    readonly documentsPerNetwork: number;
    readonly documentsPerHost: number;
  };
  /** Clients that registered themselves, while nobody allows them anything. */
  readonly unusedClients: {
    /** How many there may be. */
    readonly quota: { readonly perNetwork: number; readonly inAll: number };
    /** Seconds after which they are removed. */
    readonly lifetime: number;
  };
  /** Seconds for which a client that registered itself is kept after the last of its grants ended. */
  readonly idleClientLifetime: number;
  /** Authorizations that wait for a person at the same time. */
  readonly maxInteractions: number;
  /** Requests for clients that wait for an administrator. */
  readonly clientRequests: { readonly perPerson: number; readonly inAll: number };
  readonly maxPasswordHashes: number;
  /** Seconds for which audit records are kept; 0: for ever. */
  readonly auditRetention: number;
  /** Whether an npm script started this process. */
  readonly startedByNpm: boolean;
}
