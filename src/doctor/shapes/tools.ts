import type { ClientShape } from '../shape.ts';

import { PATIENT, registers, SDK_V1 } from './habits.ts';

/** Version 1 calls every endpoint from its page; what its server calls in version 2 comes through all the more. */
export const INSPECTOR: ClientShape = {
  ...SDK_V1,
  id: 'inspector',
  name: 'MCP Inspector',
  from: 'browser',
  registration: [
    registers(
      'MCP Inspector',
      ['http://localhost:6274/oauth/callback', 'http://localhost:6274/oauth/callback/debug'],
      { client_uri: 'https://github.com/modelcontextprotocol/inspector', scope: '' },
    ),
  ],
  redirectUri: 'http://localhost:6274/oauth/callback',
  seen: 'modelcontextprotocol/inspector, 2026',
};

const MCP_REMOTE_SCOPE = 'openid email profile';

export const MCP_REMOTE: ClientShape = {
  ...SDK_V1,
  id: 'mcp-remote',
  name: 'mcp-remote',
  registration: [
    registers('MCP CLI Proxy', ['http://localhost:3334/oauth/callback'], {
      client_uri: 'https://github.com/modelcontextprotocol/mcp-cli',
      software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
      scope: MCP_REMOTE_SCOPE,
    }),
  ],
  redirectUri: 'http://localhost:3334/oauth/callback',
  scope: { from: 'own', own: MCP_REMOTE_SCOPE },
  seen: 'mcp-remote 0.1.37, 2026',
};

export const GEMINI_CLI: ClientShape = {
  ...SDK_V1,
  id: 'gemini-cli',
  name: 'Gemini CLI',
  discovery: { ...PATIENT, forms: [...PATIENT.forms, 'oauth_root', 'openid_root'], headers: {} },
  iss: 'compared',
  registration: [registers('Gemini CLI MCP Client', ['http://localhost:7777/oauth/callback'], { scope: '' })],
  redirectUri: 'http://localhost:7777/oauth/callback',
  scope: { from: 'server' },
  resource: { equality: 'same_text', challenge: 'read' },
  seen: 'google-gemini/gemini-cli, packages/core/src/mcp, 2026',
};

export const LM_STUDIO: ClientShape = {
  ...SDK_V1,
  id: 'lm-studio',
  name: 'LM Studio',
  discovery: PATIENT,
  registration: [
    registers('LM Studio', ['http://127.0.0.1:33389/callback'], {
      logo_uri: null,
      contacts: null,
      scope: null,
    }),
  ],
  redirectUri: 'http://127.0.0.1:33389/callback',
  resource: { equality: 'not_compared', challenge: 'read' },
  seen: 'registrations of LM Studio in public issue threads, 2026',
};
