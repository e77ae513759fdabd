import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth as requireBearerAuthV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import {
  createMcpHandler,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  requireBearerAuth as requireBearerAuthV2,
} from '@modelcontextprotocol/server';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startIssuer, type TestIssuer } from '../test/issuer.ts';

import { scopeChallenge, tokenVerifier, verifiedToken } from './mcp.ts';
import { protectedResourceMetadataUrl } from './protected-resource.ts';
import { createVerifier } from './verifier.ts';

const resource = 'https://files.example/mcp';
const resourceMetadataUrl = protectedResourceMetadataUrl(resource);
let issuer: TestIssuer;
let resourceVerifier: ReturnType<typeof createVerifier>;

beforeAll(async () => {
  issuer = await startIssuer({ resource });
  resourceVerifier = createVerifier({ issuer: issuer.issuer, resource });
});
afterAll(() => issuer.close());

type Ask = (token: string | undefined) => Promise<Response>;
type Start = (verifier: typeof resourceVerifier) => Promise<{ ask: Ask; stop(): Promise<unknown> }>;

const startV1: Start = async (verifier) => {
  const gate = requireBearerAuthV1({
    verifier: tokenVerifier(verifier, (message) => new InvalidTokenError(message)),
    resourceMetadataUrl,
    requiredScopes: ['files:read'],
    expectedResource: new URL(resource),
  });
  const app = express().use(gate, (request, response) => {
    response.json({ subject: verifiedToken(request.auth).subject, expiresAt: request.auth?.expiresAt });
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return {
    ask: (token) => fetch(url, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }),
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
};

const startV2: Start = async (verifier) => {
  const gate = requireBearerAuthV2({
    verifier: tokenVerifier(verifier, (message) => new OAuthError(OAuthErrorCode.InvalidToken, message)),
    resourceMetadataUrl,
    requiredScopes: ['files:read'],
    expectedResource: new URL(resource),
  });
  return {
    async ask(token) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const auth = await gate(new Request(resource, { headers }));
      if (auth instanceof Response) return auth;
      return Response.json({ subject: verifiedToken(auth).subject, expiresAt: auth.expiresAt });
    },
    stop: async () => {},
  };
};

describe.each([
  ['sdk 1.x', startV1],
  ['server 2.x', startV2],
])('in requireBearerAuth of the %s', (_, start) => {
  it('a good token passes, with its expiry and everything that was verified', async () => {
    const { ask, stop } = await start(resourceVerifier);
    const exp = Math.floor(Date.now() / 1000) + 200;
    const response = await ask(await issuer.token({ exp }));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ subject: 'usr_ana', expiresAt: exp });
    await stop();
  });

  it('MCP R8: a token for another resource is answered 401 with a challenge', async () => {
    const { ask, stop } = await start(resourceVerifier);
    const response = await ask(await issuer.token({ aud: 'https://other.example/mcp' }));
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain(`resource_metadata="${resourceMetadataUrl}"`);
    expect(await response.json()).toMatchObject({
      error: 'invalid_token',
      error_description: 'The access token was issued for another resource',
    });
    await stop();
  });

  it('MCP R7: garbage and no token at all are answered 401', async () => {
    const { ask, stop } = await start(resourceVerifier);
    expect((await ask('garbage')).status).toBe(401);
    expect((await ask(undefined)).status).toBe(401);
    await stop();
  });

  it('MCP R11: a token without the scope is answered 403', async () => {
    const { ask, stop } = await start(resourceVerifier);
    expect((await ask(await issuer.token({ scope: 'mail:read' }))).status).toBe(403);
    await stop();
  });

  it('MCP R22: while the keys cannot be had nothing is accepted, and no token is called invalid', async () => {
    const jwksUri = 'http://127.0.0.1:9/jwks';
    const { ask, stop } = await start(createVerifier({ issuer: issuer.issuer, resource, jwksUri }));
    expect((await ask(await issuer.token())).status).toBe(500);
    await stop();
  });
});

describe('scopeChallenge of the server 2.x', () => {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'test', version: '1' });
    const challenge = scopeChallenge(['files:write'], { 'files:admin': ['files:write'] });
    server.registerTool('write', { scopeChallenge: challenge }, () => ({ content: [] }));
    return server;
  });
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write', arguments: {} } };
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const request = () => new Request(resource, { method: 'POST', headers, body: JSON.stringify(body) });
  const verifier = () =>
    tokenVerifier(resourceVerifier, (message) => new OAuthError(OAuthErrorCode.InvalidToken, message));
  const callWith = async (scope: string) => {
    const authInfo = await verifier().verifyAccessToken(await issuer.token({ scope }));
    return handler.fetch(request(), { authInfo });
  };

  it('MCP R12: answers 403 with the union of the scopes', async () => {
    const response = await callWith('files:read');
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain('scope="files:read files:write"');
    expect(response.headers.get('www-authenticate')).toContain(resourceMetadataUrl);
  });

  it('MCP R13: lets the scope and a broader one pass', async () => {
    expect((await callWith('files:write')).status).toBe(200);
    expect((await callWith('files:admin')).status).toBe(200);
  });

  it('does not let a request pass that nobody verified', async () => {
    expect((await handler.fetch(request())).status).not.toBe(200);
    const authInfo = { token: 't', clientId: 'c', scopes: ['files:write'] };
    expect((await handler.fetch(request(), { authInfo })).status).not.toBe(200);
  });
});
