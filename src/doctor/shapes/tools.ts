import type { ClientShape } from '../shape.ts';

import { PATIENT, REVISION_2025, registers, SDK_V1, SDK_V2 } from './habits.ts';

/** Calls every endpoint from its page. Version 2 calls them from its server, which comes through all the more. */
export const INSPECTOR: ClientShape = {
  ...SDK_V1,
  id: 'inspector',
  name: 'MCP Inspector',
  version: '1',
  from: 'browser',
  registration: [
    registers(
      'MCP Inspector',
      ['http://localhost:6274/oauth/callback', 'http://localhost:6274/oauth/callback/debug'],
      { client_uri: 'https://github.com/modelcontextprotocol/inspector', scope: '' },
    ),
  ],
  redirectUri: 'http://localhost:6274/oauth/callback',
  seen: 'modelcontextprotocol/inspector, its source of 2026',
};

/** Its port is derived from the URL of the MCP server; this is one of them. */
const MCP_REMOTE_CALLBACK = 'http://localhost:34355/oauth/callback';

/** Sends `prompt=consent` too, which no replay can: it must show no page. */
export const MCP_REMOTE: ClientShape = {
  ...SDK_V2,
  id: 'mcp-remote',
  name: 'mcp-remote',
  version: '0.15.1',
  discovery: REVISION_2025,
  registration: [
    registers('MCP CLI Proxy', [MCP_REMOTE_CALLBACK], {
      client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
      software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
      software_version: '0.15.1',
      application_type: 'native',
    }),
  ],
  redirectUri: MCP_REMOTE_CALLBACK,
  seen: 'the program, November 2026',
};

export const GEMINI_CLI: ClientShape = {
  ...SDK_V1,
  id: 'gemini-cli',
  name: 'Gemini CLI',
  version: '0.61.0',
  discovery: { ...PATIENT, forms: [...PATIENT.forms, 'oauth_root', 'openid_root'], headers: {} },
  iss: 'compared',
  registration: [registers('Gemini CLI MCP Client', ['http://localhost:7777/oauth/callback'], { scope: '' })],
  redirectUri: 'http://localhost:7777/oauth/callback',
  scope: { from: 'server' },
  resource: { equality: 'same_text' },
  seen: 'the program, November 2026; google-gemini/gemini-cli, packages/core/src/mcp',
};

export const LM_STUDIO: ClientShape = {
  ...SDK_V1,
  id: 'lm-studio',
  name: 'LM Studio',
  version: 'of 2026',
  discovery: PATIENT,
  registration: [
    registers('LM Studio', ['http://127.0.0.1:33389/callback'], {
      logo_uri: null,
      contacts: null,
      scope: null,
    }),
  ],
  redirectUri: 'http://127.0.0.1:33389/callback',
  resource: { equality: 'not_compared' },
  seen: 'registrations of LM Studio in public issue threads, 2026',
};
