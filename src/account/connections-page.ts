import type { Connection, SecurityEnd } from '../domain/grants/index.ts';
import { type ConnectedClient, type ConnectionsPage, describeWhen } from '../platform/http/index.ts';

/** The connections of one person, grouped by client; the client used last stands first. */
export function connectedClients(
  connections: readonly Connection[],
  { path, now }: { readonly path: string; readonly now: Date },
): Pick<ConnectionsPage, 'clients' | 'endAllUrl'> {
  const byClient = Map.groupBy(connections, ({ client }) => client.id);
  const lastUse = (group: readonly Connection[]) =>
    Math.max(...group.map(({ lastUsedAt }) => lastUsedAt.getTime()));
  const groups = [...byClient.values()].sort((a, b) => lastUse(b) - lastUse(a));

  return {
    clients: groups.map((group) => toClient(group, path, now)),
    ...(connections.length > 1 ? { endAllUrl: `${path}/connections/end` } : {}),
  };
}

function toClient(group: readonly Connection[], path: string, now: Date): ConnectedClient {
  const client = group[0]?.client;
  return {
    name: client?.name ?? '',
    identifierHost: client?.registration === 'document' ? URL.parse(client.id)?.host : undefined,
    verified: client?.identity === 'verified',
    connections: group.map((connection) => ({
      resource: connection.resource,
      scopes: connection.scopes.map(({ scope, description, destructive }) => ({
        scope,
        sentence: description,
        destructive,
      })),
      since: describeWhen(connection.since, now),
      lastUsed: describeWhen(connection.lastUsedAt, now),
      expires: describeWhen(connection.expiresAt, now),
      network: connection.network,
      replaySuspected: connection.replaySuspectedAt && describeWhen(connection.replaySuspectedAt, now),
      endUrl: `${path}/connections/${connection.id}/end`,
    })),
    ...(client !== undefined && group.length > 1
      ? { endAllUrl: `${path}/connections/end?client=${encodeURIComponent(client.id)}` }
      : {}),
  };
}

/** The connections that were ended because a credential of them may have been copied. */
export function securityEnds(ends: readonly SecurityEnd[], now: Date): ConnectionsPage['securityEnds'] {
  return ends.map(({ client, resource, reason, endedAt }) => ({
    client,
    resource,
    reason,
    when: describeWhen(endedAt, now),
  }));
}
