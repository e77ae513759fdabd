import { hashSecret } from '../../kernel/ids.ts';

/** Names connections of which a newer one replaces the older ones: one client of one user, in one browser session. */
export interface ConnectionParties {
  readonly tenantId: string;
  readonly userId: string;
  readonly clientId: string;
  /** Resource identifier (RFC 8707 §2). */
  readonly resource: string;
  /** A loopback one without its port. */
  readonly redirectUri: string;
  readonly sessionId: string;
}

/** Returns the SHA-256 of these, so that one short column finds them and no browser session can be read from it. */
export function connectionKey(parties: ConnectionParties): Buffer {
  const { tenantId, userId, clientId, resource, redirectUri, sessionId } = parties;
  return hashSecret(JSON.stringify([tenantId, userId, clientId, resource, redirectUri, sessionId]));
}
