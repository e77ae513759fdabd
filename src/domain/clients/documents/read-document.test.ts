import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { isDocumentUrl, looksLikeDocumentUrl } from './document-url.ts';
import { DocumentInvalid, readDocument } from './read-document.ts';

const URL_OF_IT = 'https://app.example/oauth/client.json';
const DOCUMENT = {
  client_id: URL_OF_IT,
  client_name: 'App',
  redirect_uris: ['http://127.0.0.1/callback'],
};
const read = (document: unknown, url = URL_OF_IT) => readDocument(url, Buffer.from(JSON.stringify(document)));
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PUBLIC = publicKey.export({ format: 'jwk' });

describe('isDocumentUrl', () => {
  it.each([
    'https://claude.ai/oauth/claude-code-client-metadata',
    'https://app.example:8443/client.json',
    'https://app.example/a%20b',
    'https://app.example/client.json?v=1',
    'https://app.example/a//b',
    'https://app.example/.well-known/client',
  ])('K3: takes %s', (url) => {
    expect(isDocumentUrl(url)).toBe(true);
    expect(looksLikeDocumentUrl(url)).toBe(true);
  });

  it.each([
    'http://app.example/client.json',
    'https://app.example',
    'https://app.example/',
    'HTTPS://app.example/client.json',
    'https://APP.example/client.json',
    'https://app.example:443/client.json',
    'https://app.example/./client.json',
    'https://app.example/a/../client.json',
    'https://app.example/%2e%2e/client.json',
    'https://app.example/a/%2E/client.json',
    'https://app.example/a%2fb',
    'https://app.example/a%5cb',
    'https://app.example/a%00b',
    'https://app.example\\client.json',
    'https://app.example/client.json#x',
    'https://app.example/client.json#',
    'https://app.example/client.json?',
    'https://app.example/*/client.json',
    'https://app.example/client.json?v=*',
    'https://user@app.example/client.json',
    'https://user:pw@app.example/client.json',
    'https://@app.example/client.json',
    ' https://app.example/client.json',
    'https://app.example/client.json\n',
    'https://app.example/cli ent.json',
    'https://äpp.example/client.json',
    'https://2130706433/client.json',
    'https:app.example/client.json',
    'https:///app.example/client.json',
    `https://app.example/${'a'.repeat(2048)}`,
  ])('K3: refuses %j, which was meant to be one', (url) => {
    expect(isDocumentUrl(url)).toBe(false);
    expect(looksLikeDocumentUrl(url)).toBe(true);
  });

  it.each(['javascript:alert(1)', 'cli_abc', '', 'app.example/client.json'])('K3: refuses %j', (id) => {
    expect(isDocumentUrl(id)).toBe(false);
    expect(looksLikeDocumentUrl(id)).toBe(false);
  });
});

describe('readDocument', () => {
  it('V1: says what is wrong in words that can be kept, whatever the document has in it', () => {
    const odd = { ...DOCUMENT, redirect_uris: [`ev\u0000il\ud800${'x'.repeat(5000)}:/\u202e`] };
    const detail: unknown = expect.stringMatching(/^[\x20-\x7e]{1,300}$/);
    expect(() => read(odd)).toThrow(expect.objectContaining({ name: 'DocumentInvalid', detail }));
  });

  it('MCP 53, MCP 54: leaves out what is not served, infers what is missing, and drops http where it would be shown', () => {
    expect(
      read({
        ...DOCUMENT,
        grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
        logo_uri: 'http://app.example/logo.png',
        client_uri: 'https://app.example/',
        scope: 'everything',
        token_endpoint_auth_methods_supported: ['none'],
        x_unknown: { deep: true },
      }),
    ).toEqual({
      ...DOCUMENT,
      application_type: 'native',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      client_uri: 'https://app.example/',
    });
  });

  it('MCP 52: takes private_key_jwt with keys, or with the address of some', () => {
    const signed = { ...DOCUMENT, token_endpoint_auth_method: 'private_key_jwt' };
    expect(read({ ...signed, jwks: { keys: [PUBLIC] } }).jwks?.keys).toEqual([PUBLIC]);
    expect(read({ ...signed, jwks_uri: 'https://app.example/keys' }).jwks_uri).toBe(
      'https://app.example/keys',
    );
  });

  it.each([
    ['MCP 47, K2: a trailing slash in client_id', { client_id: `${URL_OF_IT}/` }],
    ['K2: another case in client_id', { client_id: URL_OF_IT.replace('app', 'App') }],
    ['K2: another case in the path of client_id', { client_id: URL_OF_IT.replace('oauth', 'OAuth') }],
    ['K2: the default port in client_id', { client_id: URL_OF_IT.replace('.example', '.example:443') }],
    ['K2: percent-encoding in client_id', { client_id: URL_OF_IT.replace('oauth', '%6Fauth') }],
    ['K2: the client_id of another', { client_id: 'https://claude.ai/oauth/claude-code-client-metadata' }],
    ['MCP 48: no client_id', { client_id: undefined }],
    ['K2: a list for a client_id', { client_id: [URL_OF_IT] }],
    ['MCP 48: no name', { client_name: undefined }],
    ['MCP 48: an empty name', { client_name: ' ' }],
    ['MCP 48: a name that is nothing to see', { client_name: '\u200b\u202e' }],
    ['MCP 48: no redirects', { redirect_uris: [] }],
    ['MCP 48: redirects that are no list', { redirect_uris: 'https://app.example/cb' }],
    ['MCP 52, K5: a secret', { client_secret: 'x' }],
    ['MCP 52, K5: an empty secret', { client_secret: '' }],
    ['MCP 52, K5: the expiry of a secret', { client_secret_expires_at: 0 }],
    ['MCP 52: client_secret_basic', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['MCP 52: client_secret_post', { token_endpoint_auth_method: 'client_secret_post' }],
    ['MCP 52: client_secret_jwt', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['MCP 52: tls_client_auth', { token_endpoint_auth_method: 'tls_client_auth' }],
    ['K5: a symmetric algorithm', { token_endpoint_auth_signing_alg: 'HS256' }],
    ['K5: a symmetric algorithm for something else', { id_token_encrypted_response_alg: 'A256GCMKW' }],
    ['K5: a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
    ['K5: a private key', { jwks: { keys: [privateKey.export({ format: 'jwk' })] } }],
    [
      'a key by a name that cannot be kept',
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ ...PUBLIC, kid: 'a\u0000b' }] } },
    ],
    [
      'a key by half a character',
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ ...PUBLIC, kid: 'a\ud800' }] } },
    ],
    ['private_key_jwt without a key', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['B2: a redirect that is a script', { redirect_uris: ['javascript:alert(1)'] }],
    ['B4: a redirect with a wildcard', { redirect_uris: ['https://*.example/cb'] }],
    ['B5: a redirect by plain http', { redirect_uris: ['http://app.example/cb'] }],
    ['B7: a redirect with a fragment', { redirect_uris: ['https://app.example/cb#x'] }],
  ])('%s is refused', (_what, more) => {
    expect(() => read({ ...DOCUMENT, ...more })).toThrow(DocumentInvalid);
  });

  it.each([[[]], [[DOCUMENT]], [null], ['text'], [7], [true]])('K1: %j is no document', (document) => {
    expect(() => read(document)).toThrow(DocumentInvalid);
  });

  it.each([
    `{"client_id":"${URL_OF_IT}","client_id":"${URL_OF_IT}","client_name":"A","redirect_uris":["https://a.example/"]}`,
    `{"__proto__":{"client_name":"A"},"client_id":"${URL_OF_IT}","redirect_uris":["https://a.example/"]}`,
    `\ufeff${JSON.stringify(DOCUMENT)}`,
    `${JSON.stringify(DOCUMENT)} `.replace('"App"', 'NaN'),
    '<!doctype html>',
  ])('K1: %j is refused', (text) => {
    expect(() => readDocument(URL_OF_IT, Buffer.from(text))).toThrow(DocumentInvalid);
  });
});
