import { listResources, type Resource } from '../domain/resources/index.ts';
import type { Database } from '../platform/database/index.ts';

/** What a new administrator pastes into a terminal, and what it connects to. */
export interface ConnectLine {
  readonly connectLine: string;
  readonly resourceName: string;
}

/** The line for the default server, else for the oldest; `undefined` where none is registered yet. */
export async function connectLine(
  pool: Database['pool'],
  defaultResource: string | undefined,
): Promise<ConnectLine | undefined> {
  const resources = await listResources(pool);
  const resource = resources.find(({ identifier }) => identifier === defaultResource) ?? resources[0];
  return resource && { connectLine: lineFor(resource), resourceName: resource.name };
}

/**
 * The command of Claude Code that adds an MCP server.
 *
 * It will be pasted into a shell, so the name is made of `[a-z0-9-]` and the URL is quoted: an
 * identifier is an administrator's word, but a quote in it must not become a command.
 */
export function lineFor({ name, identifier }: Pick<Resource, 'name' | 'identifier'>): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|(?<!-)-+$/g, '')
    .slice(0, 40);
  const url = /^[\w:/.~%-]+$/.test(identifier) ? identifier : `'${identifier.replaceAll("'", '%27')}'`;
  return `claude mcp add --transport http ${slug || 'mcp-server'} ${url}`;
}
