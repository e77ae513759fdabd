import { CLIENT_DOCUMENTS } from '../../kernel/client-documents.ts';
import type { ClientShape } from '../shape.ts';

import { PATIENT, registers, SDK_V1 } from './habits.ts';

/**
 * Where the server names itself in its answers (RFC 9207), one document stands for all connections; elsewhere
 * each has a document and a redirect of its own, so that no answer is taken for another server's.
 */
export const CHATGPT: ClientShape = {
  ...SDK_V1,
  id: 'chatgpt',
  name: 'ChatGPT',
  version: 'of October 2026',
  from: 'internet',
  discovery: { ...SDK_V1.discovery, redirects: 'anywhere' },
  pkce: 'must_list_s256',
  registration: [
    {
      kind: 'document',
      url: CLIENT_DOCUMENTS.chatgpt,
      needsIss: true,
      authenticates: 'private_key_jwt',
    },
    {
      kind: 'document',
      url: CLIENT_DOCUMENTS.chatgptConnector,
      redirectUri: 'https://chatgpt.com/connector/oauth/*',
      authenticates: 'private_key_jwt',
    },
    registers('ChatGPT', ['https://chatgpt.com/connector/oauth/gatehouse-doctor']),
  ],
  redirectUri: 'https://chatgpt.com/connector_platform_oauth_redirect',
  seen: 'developers.openai.com/apps-sdk/build/auth, October 2026',
};

export const CODEX: ClientShape = {
  ...SDK_V1,
  id: 'codex',
  name: 'Codex',
  version: '0.171.0',
  discovery: {
    ...PATIENT,
    forms: [...PATIENT.forms, 'oauth_root'],
    afterServerError: 'stops',
    redirects: 'within_origin_or_stops',
    headers: { 'mcp-protocol-version': '2024-11-05' },
  },
  issuer: 'same_url',
  iss: 'compared',
  endpoints: 'at_issuer_unless_iss',
  registration: [
    {
      kind: 'document',
      url: CLIENT_DOCUMENTS.codex,
      needsNone: true,
      needsIss: true,
    },
    {
      kind: 'document',
      url: CLIENT_DOCUMENTS.codexConnection,
      redirectUri: 'http://127.0.0.1:43123/callback/*',
      needsNone: true,
    },
    registers('Codex', ['http://127.0.0.1:43123/callback'], { application_type: 'native' }),
  ],
  redirectUri: 'http://127.0.0.1:43123/callback',
  scope: { from: 'resource', offline: true },
  seen: 'the program, November 2026; rmcp of August 2026, pull request 38089 and issues 41836 and 42427 of openai/codex',
};
