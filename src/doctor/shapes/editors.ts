import { CLIENT_DOCUMENTS } from '../../kernel/client-documents.ts';
import type { ClientShape } from '../shape.ts';

import { PATIENT, REVISION_2025, registers, SDK_V1, SDK_V2 } from './habits.ts';

export const VSCODE: ClientShape = {
  ...SDK_V1,
  id: 'vscode',
  name: 'VS Code',
  version: 'of 2026',
  discovery: PATIENT,
  registration: [
    { kind: 'document', url: CLIENT_DOCUMENTS.vscode },
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
  resource: { equality: 'same_url' },
  seen: 'microsoft/vscode, src/vs/base/common/oauth.ts, 2026',
};

export const CURSOR: ClientShape = {
  ...SDK_V1,
  id: 'cursor',
  name: 'Cursor',
  version: 'of October 2026',
  registration: [
    { kind: 'document', url: CLIENT_DOCUMENTS.cursor },
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
  version: 'of 2026',
  discovery: PATIENT,
  issuer: 'same_url',
  pkce: 'must_list_s256',
  registration: [
    { kind: 'document', url: CLIENT_DOCUMENTS.zed },
    registers('Zed', ['http://127.0.0.1:49321/callback']),
  ],
  redirectUri: 'http://127.0.0.1:49321/callback',
  resource: { equality: 'not_compared' },
  seen: 'zed-industries/zed, crates/context_server/src/oauth.rs, 2026',
};

/** It has no metadata document, and registers itself where it was not told a client_id. */
export const OPENCODE: ClientShape = {
  ...SDK_V2,
  id: 'opencode',
  name: 'opencode',
  version: '1.18.33',
  discovery: REVISION_2025,
  registration: [
    registers('OpenCode', ['http://127.0.0.1:19876/mcp/oauth/callback'], {
      client_uri: 'https://opencode.ai',
    }),
  ],
  redirectUri: 'http://127.0.0.1:19876/mcp/oauth/callback',
  seen: 'the program, November 2026',
};
