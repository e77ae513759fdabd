import { hashSecret } from '../../kernel/ids.ts';

/** What connections have in common of which a newer one replaces the others: one program of one person, in one browser. */
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
