import { flushCompileCache } from 'node:module';
import type { Example } from '../examples/mcp-server/server.ts';
import { teamFiles } from '../examples/mcp-server/tools.ts';
import type { Config, Listen } from '../src/config/config.ts';
import { ConfigError, loadConfig } from '../src/config/load.ts';
import { addResource, changeResource, findResource, type Resource } from '../src/domain/resources/index.ts';
import { byHousekeeping } from '../src/kernel/cause.ts';
import { GATEHOUSE } from '../src/kernel/command-line.ts';
import { DEFAULT_TENANT } from '../src/kernel/ids.ts';
import { type RunningServer, startServer } from '../src/main.ts';
import {
  DataDirectoryInUse,
  EmbeddedPostgresFailed,
  MigrationRefused,
} from '../src/platform/database/index.ts';
import { connectLine } from '../src/sign-in/connect-line.ts';
import { untilStopped } from '../src/until-stopped.ts';

/**
 * `npm start`: the authorization server and, on a loopback issuer, the example MCP server that it
 * protects. Prints what a newcomer needs next.
 */
async function main(): Promise<void> {
  const config = loadConfig();
  const server = await startServer(config);
  const { listen, resource } = config.example;
  const example =
    listen !== undefined && config.issuerIsLoopback ? await openExample(server, config, listen) : undefined;

  await greet(server, config, example ? resource : undefined);
  flushCompileCache();
  await untilStopped(config);
  console.log('\nStopping: answering what is under way …');
  await example?.close();
  await server.stop();
}

/** The example MCP server, which is loaded when the authorization server answers already. */
async function openExample(
  server: RunningServer,
  { issuer, example: { resource } }: Config,
  listen: Listen,
): Promise<Example> {
  await registerExample(server, resource);
  const { startExample } = await import('../examples/mcp-server/server.ts');
  return startExample({
    issuer,
    resource,
    listen: `${listen.host}:${listen.port}`,
    onError: (error) => server.log.error({ err: error }, 'example MCP server'),
  });
}

/** Registers the example as a resource, or gives the one of an earlier version its new scopes and tools. */
async function registerExample({ database }: RunningServer, identifier: string): Promise<void> {
  const registered = await findResource(database.pool, identifier);
  if (registered) return updateExample(database.prisma, registered);
  await addResource(
    database.prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier,
      name: teamFiles.name,
      scopes: Object.entries(teamFiles.scopes).map(([scope, description]) => ({
        scope,
        description,
        destructive: false,
      })),
      defaultScopes: teamFiles.defaultScopes,
      tools: teamFiles.tools.map(({ name, title, scopes, effect }) => ({ name, title, scopes, effect })),
    },
    byHousekeeping('start'),
  );
}

async function updateExample(
  prisma: RunningServer['database']['prisma'],
  { id, name, scopes }: Resource,
): Promise<void> {
  const added = Object.entries(teamFiles.scopes);
  const isComplete = added.every(([scope]) => scopes.some((offered) => offered.scope === scope));
  if (isComplete || name !== teamFiles.name) return;
  await changeResource(
    prisma,
    id,
    {
      scopes: added.map(([scope, description]) => ({ scope, description })),
      tools: teamFiles.tools.map(({ name, title, scopes, effect }) => ({ name, title, scopes, effect })),
    },
    byHousekeeping('start'),
  );
}

async function greet(server: RunningServer, config: Config, resource: string | undefined): Promise<void> {
  const { issuer, issuerIsLoopback: onLoopback } = config;
  const lines = ['', 'Gatehouse is running.', '', `  Issuer         ${issuer}`];
  if (resource) lines.push(`  Example server ${resource}`);
  lines.push(`  Data           ${server.database.location}`, '');
  if (await server.installation.setup.needed()) {
    if (process.stdout.isTTY || onLoopback) {
      const { url } = await server.installation.setup.createLink(byHousekeeping('start'));
      lines.push(
        'To become the first administrator, open this link (once, within 15 minutes):',
        `  ${url}`,
        '',
      );
    } else {
      lines.push(`To become the first administrator, open the link that ${GATEHOUSE} setup-link prints.`, '');
    }
  }
  if (!(await server.documentsReachable)) {
    lines.push(
      'This computer resolves no internet names, so metadata documents cannot be fetched. They are not announced,',
      'and clients register instead. A client that still shows "This program could not be identified" needs',
      'GATEHOUSE_METADATA_DOCUMENTS=off, and to forget its client ID (Claude Code: claude mcp logout NAME).',
      '',
    );
  }
  const connectable = resource
    ? await connectLine(server.database.pool, server.installation.defaultTenant, config)
    : undefined;
  if (connectable && 'connectLine' in connectable) {
    lines.push('Then connect a client:', `  ${connectable.connectLine}`, '');
  } else if (connectable) {
    lines.push('Then let a client in; this lists the well-known ones:');
    lines.push(`  ${GATEHOUSE} client catalogue list`, '');
  }
  lines.push('Ctrl-C stops everything.', '');
  console.log(lines.join('\n'));
}

try {
  await main();
} catch (error) {
  console.error(adviceOn(error) ?? error);
  process.exitCode = 1;
}

/** What can be done about it, in words; `undefined` for a fault of ours, whose stack is worth more. */
function adviceOn(error: unknown): string | undefined {
  const ours = [ConfigError, DataDirectoryInUse, EmbeddedPostgresFailed, MigrationRefused];
  if (!(error instanceof Error)) return undefined;
  if (ours.some((known) => error instanceof known)) return error.message;
  if (!('code' in error)) return undefined;
  return error.code === 'EADDRINUSE'
    ? `${error.message}. Stop what listens there, or choose other addresses: .env.example says how.`
    : error.message;
}
