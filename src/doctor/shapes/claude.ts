import { CLIENT_DOCUMENTS } from '../../kernel/client-documents.ts';
import type { ClientShape } from '../shape.ts';

import { registers, SDK_V1, SDK_V2 } from './habits.ts';

const CALLBACK = 'https://claude.ai/api/mcp/auth_callback';
const LOOPBACK = 'http://localhost:3118/callback';

export const CLAUDE: ClientShape = {
  ...SDK_V1,
  id: 'claude',
  name: 'Claude (web, desktop, mobile)',
  version: 'of September 2026',
  from: 'internet',
  discovery: { ...SDK_V1.discovery, redirects: 'anywhere' },
  pkce: 'must_list_s256',
  registration: [
    { kind: 'document', url: CLIENT_DOCUMENTS.claude, needsNone: true },
    registers('Claude', [CALLBACK], {
      token_endpoint_auth_method: 'client_secret_post',
      scope: ' offline_access',
    }),
  ],
  redirectUri: CALLBACK,
  scope: { from: 'server' },
  resource: { equality: 'same_url' },
  seen: 'claude.com/docs/connectors and anthropics/claude-ai-mcp, September 2026',
};

export const CLAUDE_CODE: ClientShape = {
  ...SDK_V2,
  id: 'claude-code',
  name: 'Claude Code',
  version: '2.1.332',
  registration: [
    { kind: 'document', url: CLIENT_DOCUMENTS.claudeCode },
    registers('Claude Code', [LOOPBACK]),
  ],
  redirectUri: LOOPBACK,
  seen: 'the program, November 2026',
};
