import type { ClientShape } from '../shape.ts';

import { registers, SDK_V1, SDK_V2 } from './habits.ts';

const CALLBACK = 'https://claude.ai/api/mcp/auth_callback';
const LOOPBACK = 'http://localhost:3118/callback';

export const CLAUDE: ClientShape = {
  ...SDK_V1,
  id: 'claude',
  name: 'Claude (web, desktop, mobile)',
  from: 'internet',
  discovery: { ...SDK_V1.discovery, redirects: 'anywhere' },
  pkce: 'must_list_s256',
  registration: [
    { kind: 'document', url: 'https://claude.ai/oauth/mcp-oauth-client-metadata', needsNone: true },
    registers('Claude', [CALLBACK], {
      token_endpoint_auth_method: 'client_secret_post',
      scope: ' offline_access',
    }),
  ],
  redirectUri: CALLBACK,
  scope: { from: 'server' },
  resource: { equality: 'same_url', challenge: 'read' },
  seen: 'claude.com/docs/connectors and anthropics/claude-ai-mcp, September 2026',
};

export const CLAUDE_CODE: ClientShape = {
  ...SDK_V2,
  id: 'claude-code',
  name: 'Claude Code',
  registration: [
    { kind: 'document', url: 'https://claude.ai/oauth/claude-code-client-metadata' },
    registers('Claude Code', [LOOPBACK]),
  ],
  redirectUri: LOOPBACK,
  seen: 'Claude Code 2.1.277, September 2026',
};
