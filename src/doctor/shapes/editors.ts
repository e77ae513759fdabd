import type { ClientShape } from '../shape.ts';

import { PATIENT, registers, SDK_V1, SDK_V2 } from './habits.ts';

export const VSCODE: ClientShape = {
  ...SDK_V1,
  id: 'vscode',
  name: 'VS Code',
  discovery: PATIENT,
  registration: [
    { kind: 'document', url: 'https://vscode.dev/oauth/client-metadata.json' },
    registers(
      'Visual Studio Code',
      [
        'https://insiders.vscode.dev/redirect',
        'https://vscode.dev/redirect',
        'http://127.0.0.1/',
        'http://127.0.0.1:33418/',
      ],
      {
        client_uri: 'https://code.visualstudio.com',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        application_type: 'native',
      },
    ),
  ],
  redirectUri: 'http://127.0.0.1:33418/',
  resource: { equality: 'same_url', challenge: 'read' },
  seen: 'microsoft/vscode, src/vs/base/common/oauth.ts, 2026',
};

export const CURSOR: ClientShape = {
  ...SDK_V1,
  id: 'cursor',
  name: 'Cursor',
  registration: [
    { kind: 'document', url: 'https://cursor.com/oauth/mcp-client.json' },
    registers('Cursor', [
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
    ]),
  ],
  redirectUri: 'http://localhost:8787/callback',
  seen: 'soflyy/agent-connector-for-wp issue 111, September 2026; cursor.com/oauth/mcp-client.json, October 2026',
};

export const ZED: ClientShape = {
  ...SDK_V1,
  id: 'zed',
  name: 'Zed',
  discovery: PATIENT,
  issuer: 'same_url',
  pkce: 'must_list_s256',
  registration: [
    { kind: 'document', url: 'https://zed.dev/oauth/client-metadata.json' },
    registers('Zed', ['http://127.0.0.1:49321/callback']),
  ],
  redirectUri: 'http://127.0.0.1:49321/callback',
  resource: { equality: 'not_compared', challenge: 'read' },
  seen: 'zed-industries/zed, crates/context_server/src/oauth.rs, 2026',
};

export const OPENCODE: ClientShape = {
  ...SDK_V2,
  id: 'opencode',
  name: 'opencode',
  registration: [
    { kind: 'document', url: 'https://opencode.ai/oauth/opencode/client.json', needsNone: true },
    registers('OpenCode', ['http://127.0.0.1:19876/mcp/oauth/callback'], {
      client_uri: 'https://opencode.ai',
    }),
  ],
  redirectUri: 'http://127.0.0.1:19876/mcp/oauth/callback',
  fault: {
    stage: 'authorization',
    refusedFor: /redirect/,
    says: 'sends a redirect that its metadata document did not list at first (anomalyco/opencode issue 50510)',
  },
  seen: 'opencode 1.18, September 2026; its metadata document, October 2026',
};
