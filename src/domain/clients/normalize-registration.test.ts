import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { DYNAMIC_REGISTRATIONS, METADATA_DOCUMENTS } from '../../../test/fixtures/clients/index.ts';

import { type ClientMetadata, normalizeRegistration } from './normalize-registration.ts';

const minimal = { redirect_uris: ['https://client.example/cb'] };

function accept(body: unknown, kind: 'dynamic' | 'document' = 'dynamic'): ClientMetadata {
  const normalized = normalizeRegistration(body, { kind });
  if (!normalized.ok) throw new Error(`${normalized.error}: ${normalized.reason}`);
  return normalized.metadata;
}

function refuse(body: unknown, kind: 'dynamic' | 'document' = 'dynamic') {
  const normalized = normalizeRegistration(body, { kind });
  if (normalized.ok) throw new Error('was accepted');
  return normalized;
}

describe('normalizeRegistration of what clients really send', () => {
  it.each(Object.entries(DYNAMIC_REGISTRATIONS))(
    'MCP 59: the redirect URIs of %s come back exactly as sent',
    (_client, body) => {
      expect(accept(body).redirect_uris).toEqual(body.redirect_uris);
    },
  );

  it.each(Object.entries(DYNAMIC_REGISTRATIONS))(
    'MCP 58: what is left of the body of %s has neither null nor empty text, and its arrays',
    (_client, body) => {
      const metadata = accept(body);
      expect(JSON.stringify(metadata)).not.toMatch(/null|""|\[\]/);
      expect(metadata).toMatchObject({ response_types: ['code'], grant_types: expect.any(Array) });
      expect(metadata).not.toHaveProperty('scope');
    },
  );

  it('MCP 60: the mixed list of Cursor (private-use, https, loopback) is a native client', () => {
    expect(accept(DYNAMIC_REGISTRATIONS.Cursor)).toMatchObject({
      application_type: 'native',
      client_name: 'Cursor',
      token_endpoint_auth_method: 'none',
    });
  });

  it.each(['Claude Code', 'mcp-remote', 'MCP Inspector', 'Zed', 'LM Studio', 'opencode'] as const)(
    'MCP 60: %s is native without saying so',
    (client) => {
      expect(accept(DYNAMIC_REGISTRATIONS[client]).application_type).toBe('native');
    },
  );

  it.each(['claude.ai', 'ChatGPT'] as const)('MCP 60: %s, with https alone, is web', (client) => {
    expect(accept(DYNAMIC_REGISTRATIONS[client]).application_type).toBe('web');
  });

  it('MCP 61: VS Code registers although it lists device_code and scopes', () => {
    const metadata = accept(DYNAMIC_REGISTRATIONS['VS Code']);
    expect(metadata.grant_types).toEqual(['authorization_code', 'refresh_token']);
    expect(metadata).not.toHaveProperty('scope');
  });

  it('MCP 53: the document of VS Code loses device_code and keeps the rest', () => {
    expect(accept(METADATA_DOCUMENTS['VS Code'], 'document')).toEqual({
      ...METADATA_DOCUMENTS['VS Code'],
      grant_types: ['authorization_code', 'refresh_token'],
      application_type: 'native',
    });
  });

  it('MCP 53: fields that nobody knows are no reason to refuse a document', () => {
    expect(accept(METADATA_DOCUMENTS.opencode, 'document')).not.toHaveProperty(
      'token_endpoint_auth_methods_supported',
    );
    expect(accept({ ...METADATA_DOCUMENTS.Zed, x_new: { a: [1] }, scope: 7 }, 'document').client_name).toBe(
      'Zed',
    );
  });

  it('MCP 54: the document of Claude Code, which says nothing about it, is native', () => {
    expect(accept(METADATA_DOCUMENTS['Claude Code'], 'document')).toEqual({
      ...METADATA_DOCUMENTS['Claude Code'],
      application_type: 'native',
    });
  });

  it('MCP 52: the document of ChatGPT authenticates with private_key_jwt', () => {
    expect(accept(METADATA_DOCUMENTS.ChatGPT, 'document')).toMatchObject({
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'RS256',
      jwks_uri: 'https://chatgpt.com/oauth/jwks.json',
      application_type: 'web',
    });
  });
});

describe('normalizeRegistration', () => {
  it.each([
    [
      'nothing for everything',
      {
        client_name: null,
        grant_types: null,
        response_types: '',
        scope: '',
        jwks: '',
        jwks_uri: '',
        contacts: [],
      },
    ],
    ['keys that it does not need', { jwks: { keys: [] } }],
    ['keys that are none', { jwks: 'x', jwks_uri: 7 }],
    [
      'logos and links that are none',
      { logo_uri: 'not a url', client_uri: 7, tos_uri: 'javascript:x', policy_uri: '' },
    ],
    [
      'lists of anything',
      { grant_types: ['authorization_code', 7, null], response_types: [{}], contacts: ['x', null] },
    ],
    [
      'what OpenID Connect has',
      {
        subject_type: 'pairwise',
        id_token_signed_response_alg: 'HS256',
        require_auth_time: 'yes',
        default_acr_values: {},
      },
    ],
    ['what nobody has', { 'x-mcp': { a: [1] }, 'client_name#ja': '名' }],
  ])('MCP 58, MCP 61: a public client may send %s, and gets none of it back', (_what, more) => {
    const body = { ...minimal, token_endpoint_auth_method: 'none', ...more };
    expect(accept(body)).toEqual({
      client_name: 'Unnamed client',
      redirect_uris: minimal.redirect_uris,
      application_type: 'web',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    });
  });

  it('MCP 59: a redirect URI that is sent twice comes back twice', () => {
    const redirect_uris = ['https://b.example/', 'https://a.example/', 'https://b.example/'];
    expect(accept({ redirect_uris }).redirect_uris).toEqual(redirect_uris);
  });

  it('fills in the defaults of RFC 7591 §2', () => {
    expect(accept(minimal)).toEqual({
      client_name: 'Unnamed client',
      redirect_uris: ['https://client.example/cb'],
      application_type: 'web',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    });
  });

  it('MCP 61: unsupported response types are replaced by code', () => {
    expect(accept({ ...minimal, response_types: ['token', 'code id_token'] }).response_types).toEqual([
      'code',
    ]);
  });

  it('REP-F14: names grant_types when a client without redirects asks for a grant type that is not served', () => {
    const refused = refuse({ ...minimal, grant_types: ['client_credentials'], redirect_uris: [] });
    expect(refused).toMatchObject({ error: 'invalid_client_metadata' });
    expect(refused.reason).toContain('grant_types');
  });

  it('refuses a client that wants only what is not served, and says what is', () => {
    expect(refuse({ ...minimal, grant_types: ['client_credentials'] }).reason).toContain(
      'authorization_code',
    );
  });

  it('lets nobody choose a client_id, a secret or a registration token', () => {
    const metadata = accept({
      ...minimal,
      client_id: 'cli_mine',
      client_secret: 's',
      registration_access_token: 't',
      client_id_issued_at: 1,
      id_token_signed_response_alg: 'none',
      sector_identifier_uri: 'http://169.254.169.254/',
      request_uris: ['http://169.254.169.254/'],
    });
    expect(Object.keys(metadata).sort()).toEqual(Object.keys(accept(minimal)).sort());
  });

  it.each([
    'javascript:alert(1)',
    ' JaVaScript:alert(1)',
    'java\tscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'blob:x',
  ])(
    'B2: %j is invalid_redirect_uri when registered dynamically and invalid_client_metadata in a document',
    (uri) => {
      const body = { ...METADATA_DOCUMENTS.Zed, redirect_uris: ['http://127.0.0.1/callback', uri] };
      expect(refuse(body)).toMatchObject({
        error: 'invalid_redirect_uri',
        reason: expect.stringContaining('redirect_uris[1]'),
      });
      expect(refuse(body, 'document').error).toBe('invalid_client_metadata');
    },
  );

  it('B5: says what to do instead of plain http', () => {
    expect(refuse({ redirect_uris: ['http://client.example/cb'] }).reason).toMatch(/use https/);
  });

  it.each([
    ['a string', 'https://client.example/cb'],
    ['nothing', undefined],
    ['an empty list', []],
    ['a number in it', [7]],
    ['null in it', [null]],
    // biome-ignore lint/suspicious/noSparseArray: that is what is refused
    ['a hole in it', [, 'https://client.example/cb']],
    ['more than fifty', Array.from({ length: 51 }, (_, n) => `https://client.example/${n}`)],
  ])('L7: refuses redirect_uris with %s', (_what, redirect_uris) => {
    expect(refuse({ redirect_uris }).error).toBe('invalid_redirect_uri');
  });

  it.each([[null], [[]], ['{}'], [7], [undefined]])('L7: refuses %j in place of an object', (body) => {
    expect(refuse(body).error).toBe('invalid_client_metadata');
  });

  it('L6: refuses a software statement without signature, and one of an issuer that nobody approved', () => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unsigned = `${encode({ alg: 'none' })}.${encode({ iss: 'x' })}.`;
    const signed = `${encode({ alg: 'ES256' })}.${encode({ iss: 'https://unknown.example' })}.c2ln`;

    expect(refuse({ ...minimal, software_statement: unsigned }).error).toBe('invalid_software_statement');
    expect(refuse({ ...minimal, software_statement: `${unsigned}c2ln` }).error).toBe(
      'invalid_software_statement',
    );
    expect(refuse({ ...minimal, software_statement: 7 }).error).toBe('invalid_software_statement');
    expect(refuse({ ...minimal, software_statement: signed }).error).toBe('unapproved_software_statement');
  });

  it('MCP 48: refuses a document without a name', () => {
    const { client_name: _name, ...nameless } = METADATA_DOCUMENTS.Zed;
    expect(refuse(nameless, 'document').reason).toContain('client_name');
  });

  it.each([
    ['a secret', { client_secret: 's' }],
    ['client_secret_basic', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['client_secret_post', { token_endpoint_auth_method: 'client_secret_post' }],
    ['client_secret_jwt', { token_endpoint_auth_method: 'client_secret_jwt' }],
  ])('MCP 52: refuses a document with %s', (_what, change) => {
    expect(refuse({ ...METADATA_DOCUMENTS.Zed, ...change }, 'document').error).toBe(
      'invalid_client_metadata',
    );
  });

  it('refuses keys that are private, symmetric, absent or given twice', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwt = { ...minimal, token_endpoint_auth_method: 'private_key_jwt' };
    const good = publicKey.export({ format: 'jwk' });

    expect(accept({ ...jwt, jwks: { keys: [good] } }).jwks).toEqual({ keys: [good] });
    expect(refuse({ ...jwt, jwks: { keys: [privateKey.export({ format: 'jwk' })] } }).reason).toContain(
      'private',
    );
    expect(refuse({ ...jwt, jwks: { keys: [{ kty: 'oct', k: 'AA' }] } }).reason).toContain('shared secret');
    expect(refuse({ ...jwt, jwks: { keys: [{ ...good, kid: 'a\u0000' }] } }).reason).toContain('plain JSON');
    expect(refuse(jwt).reason).toContain('needs jwks or jwks_uri');
    expect(refuse({ ...jwt, jwks: { keys: [good] }, jwks_uri: 'https://c.example/jwks' }).reason).toContain(
      'not both',
    );
    expect(refuse({ ...jwt, jwks_uri: 'http://c.example/jwks' }).reason).toContain('https');
    expect(
      refuse({ ...jwt, jwks_uri: 'https://c.example/jwks', token_endpoint_auth_signing_alg: 'HS256' }).ok,
    ).toBe(false);
  });

  it('takes from a name what could pretend to be text around it', () => {
    expect(accept({ ...minimal, client_name: ' Good\u202e\u0000 \n client\u200b ' }).client_name).toBe(
      'Good client',
    );
    expect([...accept({ ...minimal, client_name: 'é'.repeat(900) }).client_name]).toHaveLength(200);
    expect(accept({ ...minimal, client_name: '\u200b' }).client_name).toBe('Unnamed client');
  });

  it('leaves out a logo or a link that could run a script', () => {
    const metadata = accept({
      ...minimal,
      logo_uri: 'javascript:alert(1)',
      client_uri: 'data:x',
      tos_uri: 'https://c.example/\u0000',
    });
    expect(metadata).toEqual(accept(minimal));
  });
});
