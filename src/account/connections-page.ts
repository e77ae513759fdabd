import { nameInText } from '../domain/admission/index.ts';
import type { Connection, RememberedConsent, SecurityEnd } from '../domain/grants/index.ts';
import {
  type ConnectedClient,
  type ConnectionFold,
  type ConnectionRow,
  type ConnectionsPage,
  type ConsentRow,
  describeWhen,
} from '../platform/http/index.ts';

/** Everything that lets clients act for one person. */
export interface PersonAccess {
  readonly connections: readonly Connection[];
  readonly consents: readonly RememberedConsent[];
}

interface Frame {
  readonly path: string;
  readonly now: Date;
}

/** Groups the connections and remembered consents of one person by client; the client used last stands first. */
export function connectedClients(
  { connections, consents }: PersonAccess,
  frame: Frame,
): Pick<ConnectionsPage, 'clients' | 'endAllUrl'> {
  const byClient = Map.groupBy([...connections, ...consents], ({ client }) => client.id);
  const lastUse = (group: readonly (Connection | RememberedConsent)[]) =>
    Math.max(...group.map((entry) => ('lastUsedAt' in entry ? entry.lastUsedAt : entry.since).getTime()));
  const groups = [...byClient.values()].sort((a, b) => lastUse(b) - lastUse(a));

  return {
    clients: groups.map((group) => toClient(group, frame)),
    ...(connections.length + consents.length > 1 ? { endAllUrl: `${frame.path}/connections/end` } : {}),
  };
}

function toClient(group: readonly (Connection | RememberedConsent)[], frame: Frame): ConnectedClient {
  const client = group[0]?.client;
  const connections = group.filter((entry) => 'lastUsedAt' in entry);
  const consents = group.filter((entry) => !('lastUsedAt' in entry));
  return {
    ...describeClient(client),
    folds: foldsOf(connections, frame),
    consents: consents.map((consent) => toConsent(consent, frame)),
    ...(client !== undefined && group.length > 1
      ? { endAllUrl: `${frame.path}/connections/end?client=${encodeURIComponent(client.id)}` }
      : {}),
  };
}

/** Returns the name of a client as the account pages show it. */
export function nameOf({ name, identity }: Pick<Connection['client'], 'name' | 'identity'>): string {
  return nameInText(name, identity);
}

/** Returns how a client is named on the account pages. */
export function describeClient(
  client: Connection['client'] | undefined,
): Pick<ConnectedClient, 'name' | 'identifierHost' | 'verified'> {
  return {
    name: client === undefined ? '' : nameOf(client),
    identifierHost: client?.registration === 'document' ? URL.parse(client.id)?.host : undefined,
    verified: client?.identity === 'verified',
  };
}

/** The connections that were ended because a credential of them may have been copied. */
export function securityEnds(ends: readonly SecurityEnd[], now: Date): ConnectionsPage['securityEnds'] {
  return ends.map(({ client, registration, resource, reason, endedAt }) => ({
    // What vouched for it when it ended is not kept.
    client: nameInText(client, registration === 'preregistered' ? 'approved' : 'unverified'),
    resource,
    reason,
    when: describeWhen(endedAt, now),
  }));
}

/** Folds the connections of one client to one server from one network; the fold used last stands first. */
function foldsOf(connections: readonly Connection[], frame: Frame): readonly ConnectionFold[] {
  const latestFirst = [...connections].sort((a, b) => b.lastUsedAt.getTime() - a.lastUsedAt.getTime());
  const folds = Map.groupBy(latestFirst, ({ resource, network }) =>
    JSON.stringify([resource.identifier, network]),
  );
  return [...folds.values()].flatMap((fold) => {
    const [latest] = fold;
    if (!latest) return [];
    const { resource, network, lastUsedAt } = latest;
    return {
      resource,
      network,
      lastUsed: describeWhen(lastUsedAt, frame.now),
      count: fold.length,
      connections: fold.map((connection) => toRow(connection, frame)),
    };
  });
}

function toRow(connection: Connection, { path, now }: Frame): ConnectionRow {
  return {
    resource: connection.resource,
    scopes: linesOf(connection.scopes),
    since: describeWhen(connection.since, now),
    lastUsed: describeWhen(connection.lastUsedAt, now),
    expires: describeWhen(connection.expiresAt, now),
    network: connection.network,
    replaySuspected: connection.replaySuspectedAt && describeWhen(connection.replaySuspectedAt, now),
    endsUnused: connection.endsUnusedAt && describeWhen(connection.endsUnusedAt, now),
    changeUrl: `${path}/connections/${connection.id}/scopes`,
    endUrl: `${path}/connections/${connection.id}/end`,
  };
}

function toConsent(
  { id, resource, scopes, since, expiresAt }: RememberedConsent,
  { path, now }: Frame,
): ConsentRow {
  return {
    resource,
    scopes: linesOf(scopes),
    since: describeWhen(since, now),
    expires: describeWhen(expiresAt, now),
    forgetUrl: `${path}/consents/${id}/forget`,
  };
}

function linesOf(scopes: Connection['scopes']): ConnectionRow['scopes'] {
  return scopes.map(({ scope, description, destructive }) => ({ scope, sentence: description, destructive }));
}
