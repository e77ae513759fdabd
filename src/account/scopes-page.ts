import type { ScopeChoice } from '../domain/grants/index.ts';
import { type ConnectionScopesPage, describeWhen, type ScopeBox } from '../platform/http/index.ts';

import { describeClient } from './connections-page.ts';

interface Frame {
  /** Path of Connected apps. */
  readonly account: string;
  /** The phrase of `describeRevocationDelay`. */
  readonly delay: string;
  readonly now: Date;
  /** The scopes to tick, in place of those that the connection holds. */
  readonly ticked?: readonly string[] | undefined;
  readonly error?: string | undefined;
}

/** Builds the form that changes a connection: what it holds is ticked, what could be added is not. */
export function scopesPage(
  { connection, resource, beyond }: ScopeChoice,
  { account, delay, now, ticked, error }: Frame,
): Omit<ConnectionScopesPage, 'user' | 'links' | 'notice' | 'csrf' | 'signsInAgain'> {
  const { id, client, network, since, scopes: held } = connection;
  const box = (
    { scope, description, destructive }: ScopeChoice['connection']['scopes'][number],
    group: ScopeBox['group'],
  ): ScopeBox => ({
    scope,
    sentence: description,
    destructive,
    tools: (resource?.tools ?? []).filter((tool) => tool.scopes.includes(scope)),
    checked: ticked ? ticked.includes(scope) : group === 'held',
    isNew: false,
    group,
  });
  const offered = (resource?.scopes ?? []).filter(({ scope }) => beyond.includes(scope));
  return {
    client: describeClient(client),
    resource: connection.resource,
    network,
    since: describeWhen(since, now),
    held: held.map((scope) => box(scope, 'held')),
    beyond: offered.map((scope) => box(scope, 'beyond')),
    delay,
    action: `${account}/connections/${id}/scopes`,
    endUrl: `${account}/connections/${id}/end`,
    backUrl: account,
    error,
  };
}
