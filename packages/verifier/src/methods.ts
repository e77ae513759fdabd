/**
 * The methods that a client may send to an MCP server, of all protocol revisions until 2026-07-28.
 *
 * Each takes the scopes of the server (`GuardOptions.scopes`), `tools/call` those of its tool beside them, and
 * `GuardOptions.methods` adds more. A method that is in neither list is refused.
 */
const CLIENT_METHODS = [
  'completion/complete',
  'initialize',
  'logging/setLevel',
  'notifications/cancelled',
  'notifications/initialized',
  'notifications/progress',
  'notifications/roots/list_changed',
  'notifications/tasks/status',
  'ping',
  'prompts/get',
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/templates/list',
  'resources/unsubscribe',
  'server/discover',
  'subscriptions/listen',
  'tasks/cancel',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tools/call',
  'tools/list',
] as const;

/** Scopes that a method takes beside those of the server, by its name. */
export type MethodScopes = Readonly<Record<string, readonly string[]>>;

/** Returns the scopes by method; a method that is not in the map is unknown. */
export function createMethodTable(added: MethodScopes): ReadonlyMap<string, readonly string[]> {
  const known = CLIENT_METHODS.map((method): [string, readonly string[]] => [method, []]);
  return new Map([...known, ...Object.entries(added)]);
}
