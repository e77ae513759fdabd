import type { PrismaClient } from '../../platform/database/generated/client.ts';

import { type ClientIdentity, clientIdentity, standingOf } from '../admission/index.ts';
import type { TrustLevel } from '../authority/index.ts';
import { destructiveScopeSql } from '../resources/index.ts';

import { LAST_USED } from './last-used.ts';
import { notEnded } from './living.ts';
import { endsUnusedAt } from './supersede.ts';

/** A living grant as its owner and an administrator see it. */
export interface Connection {
  readonly id: string;
  readonly userId: string;
  readonly userEmail: string;
  readonly client: {
    readonly id: string;
    readonly name: string;
    readonly registration: string;
    /** How far the tenant of the grant trusts it. */
    readonly trust: TrustLevel;
    /** What vouches for who it is, at the redirect of this grant. */
    readonly identity: ClientIdentity;
  };
  readonly redirectUri: string;
  readonly resource: { readonly identifier: string; readonly name: string };
  readonly scopes: readonly {
    readonly scope: string;
    readonly description: string;
    readonly destructive: boolean;
  }[];
  readonly staysConnected: boolean;
  readonly network: string | undefined;
  readonly since: Date;
  /** When its client last came for tokens. */
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  /** When its refresh tokens were last repeated from another network than they were used from. */
  readonly replaySuspectedAt: Date | undefined;
  /** When it ends by itself unless its client uses it before, because a newer one has replaced it. */
  readonly endsUnusedAt: Date | undefined;
}

/** A scope that the resource offers no more is shown as it is called. */
const LIST = `
  SELECT g.id, g.user_id AS "userId", u.email AS "userEmail",
    json_build_object('id', c.id, 'name', c.name, 'registration', c.registration,
      'trust', COALESCE(${standingOf('c', 'g.tenant_id')}, 'untrusted'),
      'trustGiven', c.trust_given_at IS NOT NULL) AS client, g.redirect_uri AS "redirectUri",
    json_build_object('identifier', r.identifier, 'name', r.name) AS resource,
    ARRAY(SELECT json_build_object('scope', held.scope, 'description', COALESCE(s.description, held.scope),
                                   'destructive', COALESCE(${destructiveScopeSql('s')}, false))
          FROM unnest(g.scopes) WITH ORDINALITY AS held (scope, place)
          LEFT JOIN resource_scopes s ON s.resource_id = g.resource_id AND s.scope = held.scope
          ORDER BY held.place) AS scopes,
    EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id) AS "staysConnected",
    g.network, g.created_at AS since, ${LAST_USED} AS "lastUsedAt", g.expires_at AS "expiresAt",
    g.replay_suspected_at AS "replaySuspectedAt",
    encode(g.connection_key, 'hex') AS key, g.activated_at AS "activatedAt"
  FROM grants g
  JOIN users u ON u.id = g.user_id JOIN clients c ON c.id = g.client_id JOIN resources r ON r.id = g.resource_id
  WHERE ($1::text IS NULL OR g.user_id = $1) AND g.activated_at IS NOT NULL AND ${notEnded('c')}
    AND g.expires_at > now()
  ORDER BY g.created_at DESC`;

type Row = Omit<Connection, 'network' | 'replaySuspectedAt' | 'endsUnusedAt' | 'client'> & {
  readonly network: string | null;
  readonly replaySuspectedAt: Date | null;
  /** Of the connections that replace each other; null in rows from before. */
  readonly key: string | null;
  readonly activatedAt: Date;
  readonly client: Omit<Connection['client'], 'identity'> & { readonly trustGiven: boolean };
};

/** Every living, activated grant, of one person or of all, newest first. */
export async function listConnections(prisma: PrismaClient, userId?: string): Promise<readonly Connection[]> {
  const rows = await prisma.$queryRawUnsafe<Row[]>(LIST, userId ?? null);
  const firstTokens = firstTokensByKey(rows);
  return rows.map(({ key, activatedAt: _, ...row }) => {
    const { trustGiven, ...client } = row.client;
    const identity = clientIdentity({ ...client, trustGiven, redirectUris: [row.redirectUri] });
    return {
      ...row,
      network: row.network ?? undefined,
      replaySuspectedAt: row.replaySuspectedAt ?? undefined,
      endsUnusedAt: key === null ? undefined : endsUnusedAt(row, firstTokens.get(key) ?? []),
      client: { ...client, identity },
    };
  });
}

/** Returns when the connections of each key had their first token, oldest first. */
function firstTokensByKey(rows: readonly Row[]): ReadonlyMap<string | null, readonly Date[]> {
  const oldestFirst = rows.toSorted((a, b) => a.activatedAt.getTime() - b.activatedAt.getTime());
  const groups = Map.groupBy(oldestFirst, ({ key }) => key);
  return new Map([...groups].map(([key, group]) => [key, group.map(({ activatedAt }) => activatedAt)]));
}
