import type { Pool } from 'pg';

/** How a person makes one program forget the client ID that it has saved. */
export interface Remedy {
  readonly program: string;
  readonly steps: string;
  /** What is typed on the way. */
  readonly command?: string;
}

interface KnownProgram extends Remedy {
  /** What it calls itself when it registers. */
  readonly name: RegExp;
  /** The redirects that it sends. */
  readonly redirect: RegExp;
}

/**
 * Programs that keep the client ID of a dynamic registration and cannot notice that it is known no more: the
 * refusal at the authorization endpoint is seen by the person alone.
 */
const PROGRAMS: readonly KnownProgram[] = [
  {
    program: 'Claude Code',
    name: /^Claude Code\b/,
    redirect: /^http:\/\/localhost:\d+\/callback$/,
    steps:
      'Type /mcp, choose the server, then “Clear authentication”, and authenticate again. Where that is not offered, remove the server, where NAME is what it is called there, and add it again.',
    command: 'claude mcp remove NAME',
  },
  {
    program: 'Claude on the web, the desktop or the phone',
    name: /^Claude(?: Desktop)?$/,
    redirect: /^https:\/\/claude\.(?:ai|com)\/api\/mcp\/auth_callback$/,
    steps: 'Under Settings, Connectors, remove the connector and add it again.',
  },
  {
    program: 'ChatGPT',
    name: /^ChatGPT$/,
    redirect: /^https:\/\/chatgpt\.com\//,
    steps: 'In the settings, under the apps and connectors, remove the connector and add it again.',
  },
  {
    program: 'Cursor',
    name: /^Cursor\b/,
    redirect: /^(?:cursor:|https:\/\/www\.cursor\.com\/|http:\/\/localhost:8787\/callback$)/,
    steps:
      'In the settings, under Tools & MCP, log the server out, and connect it again. If it is still refused, remove the server there and add it again.',
  },
  {
    program: 'Visual Studio Code',
    name: /^Visual Studio Code\b/,
    redirect: /^(?:https:\/\/(?:insiders\.)?vscode\.dev\/redirect|http:\/\/127\.0\.0\.1:\d+\/)$/,
    steps:
      'Open the Command Palette, run the command below, choose this server, and start the MCP server again.',
    command: 'Authentication: Remove Dynamic Authentication Providers',
  },
  {
    program: 'mcp-remote, which other programs start',
    name: /^MCP CLI (?:Proxy|Client)$/,
    redirect: /^http:\/\/(?:localhost|127\.0\.0\.1):\d+\/oauth\/callback$/,
    steps:
      'Quit the program that starts it, delete the folder in which it keeps its registrations, and start again.',
    command: 'rm -r ~/.mcp-auth',
  },
  {
    program: 'Codex',
    name: /^Codex\b/,
    redirect: /^http:\/\/127\.0\.0\.1:\d+\/callback\/[\w-]+$/,
    steps: 'Log the server out, and in again. NAME is what it is called there.',
    command: 'codex mcp logout NAME && codex mcp login NAME',
  },
  {
    program: 'Gemini CLI',
    name: /^Gemini CLI\b/,
    redirect: /^http:\/\/localhost:\d+\/oauth\/callback$/,
    steps:
      'Remove what it has saved for the server from ~/.gemini/mcp-oauth-tokens.json, and authenticate again. NAME is what it is called there.',
    command: '/mcp auth NAME',
  },
  {
    program: 'opencode',
    name: /^opencode$/i,
    redirect: /^http:\/\/127\.0\.0\.1:\d+\/mcp\/oauth\/callback$/,
    steps: 'Log the server out, and authenticate again. NAME is what it is called there.',
    command: 'opencode mcp logout NAME && opencode mcp auth NAME',
  },
  {
    program: 'MCP Inspector',
    name: /^MCP Inspector$/,
    redirect: /^http:\/\/(?:localhost|127\.0\.0\.1):6274\/oauth\/callback(?:\/debug)?$/,
    steps: 'Close its tab, which forgets the registration, and open it again.',
  },
];

const NAME = 'SELECT name FROM clients WHERE id = $1';

/**
 * What a person can do whose program came with a client ID that is not known, or known no more. The program
 * is told by the name that it registered under, if that is still known, else by the redirect that it sent;
 * neither is believed for anything but this. Where both say nothing, whoever reads it has to know.
 */
export async function remediesFor(
  pool: Pool,
  { clientId, redirectUri }: { readonly clientId: unknown; readonly redirectUri: unknown },
): Promise<readonly Remedy[]> {
  const { rows } =
    typeof clientId === 'string' && /^cli_[\w-]{1,64}$/.test(clientId)
      ? await pool.query<{ name: string }>({ name: 'stale-client-name', text: NAME, values: [clientId] })
      : { rows: [] };
  const name = rows[0]?.name;
  const named = PROGRAMS.filter((program) => name !== undefined && program.name.test(name));
  const sent = PROGRAMS.filter(
    ({ redirect }) => typeof redirectUri === 'string' && redirect.test(redirectUri),
  );
  const fitting = [named, sent, PROGRAMS].find(({ length }) => length > 0) ?? [];
  return fitting.map(({ program, steps, command }) => ({
    program,
    steps,
    ...(command === undefined ? {} : { command }),
  }));
}
