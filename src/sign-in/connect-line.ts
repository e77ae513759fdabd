import type { Config } from '../config/config.ts';
import { judgeDocument } from '../domain/admission/index.ts';
import { listResources, type Resource } from '../domain/resources/index.ts';
import { CLIENT_DOCUMENTS } from '../kernel/client-documents.ts';
import type { Database } from '../platform/database/index.ts';

/** What a new administrator pastes into a terminal, and what it connects to. */
export interface ConnectLine {
  readonly connectLine: string;
  readonly clientName: string;
  readonly resourceName: string;
}

/** What can be connected: nothing yet, a server to which no client here is let in, or a client to a server. */
export type Connectable = ConnectLine | { readonly resourceName: string } | undefined;

/** What says which client is let in, and to which server. */
export type ConnectLineConfig = Pick<
  Config,
  'defaultResource' | 'example' | 'issuerIsLoopback' | 'metadataDocuments' | 'dynamicRegistration'
>;

interface KnownClient {
  readonly name: string;
  /** Its metadata document. */
  readonly document: string;
  /** The command that adds an MCP server to it, of words that a shell leaves alone. */
  readonly add: (slug: string, url: string) => string;
}

/** In the order in which they are proposed. Both register themselves where documents are not announced. */
export const CLIENTS: readonly [KnownClient, ...KnownClient[]] = [
  {
    name: 'Claude Code',
    document: CLIENT_DOCUMENTS.claudeCode,
    add: (slug, url) => `claude mcp add --transport http ${slug} ${url}`,
  },
  {
    name: 'Codex',
    document: CLIENT_DOCUMENTS.codex,
    add: (slug, url) => `codex mcp add ${slug} --url ${url}`,
  },
];

/**
 * The line for the default server, else for the example that runs beside, else for the oldest; of the first client
 * that is let in here. `undefined` where no server is registered yet.
 */
export async function connectLine(
  pool: Database['pool'],
  tenantId: string,
  config: ConnectLineConfig,
): Promise<Connectable> {
  const resources = await listResources(pool);
  const named = (wanted: string | undefined) => resources.find(({ identifier }) => identifier === wanted);
  const resource = named(config.defaultResource) ?? named(runningExample(config)) ?? resources[0];
  if (!resource) return undefined;
  for (const client of CLIENTS) {
    if (await isLetIn(pool, client, tenantId, config))
      return {
        connectLine: lineFor(resource, client),
        clientName: client.name,
        resourceName: resource.name,
      };
  }
  return { resourceName: resource.name };
}

/** Where the example listens now; the one that an earlier port left registered answers no more. */
function runningExample({ example, issuerIsLoopback }: Pick<Config, 'example' | 'issuerIsLoopback'>) {
  return example.listen !== undefined && issuerIsLoopback ? example.resource : undefined;
}

async function isLetIn(
  pool: Database['pool'],
  { document }: KnownClient,
  tenantId: string,
  { metadataDocuments, dynamicRegistration }: Pick<Config, 'metadataDocuments' | 'dynamicRegistration'>,
): Promise<boolean> {
  if (metadataDocuments === 'off') return dynamicRegistration === 'open';
  const about = { url: document, tenantId, documents: metadataDocuments };
  return (await judgeDocument(pool, about)).allowed;
}

/**
 * The command that adds an MCP server to a client.
 *
 * It will be pasted into a shell, so the name is made of `[a-z0-9-]` and the URL is quoted: an
 * identifier is an administrator's word, but a quote in it must not become a command.
 */
export function lineFor(
  { name, identifier }: Pick<Resource, 'name' | 'identifier'>,
  { add }: Pick<KnownClient, 'add'>,
): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|(?<!-)-+$/g, '')
    .slice(0, 40);
  const url = /^[\w:/.~%-]+$/.test(identifier) ? identifier : `'${identifier.replaceAll("'", '%27')}'`;
  return add(slug || 'mcp-server', url);
}
