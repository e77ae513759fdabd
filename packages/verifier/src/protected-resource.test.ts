import { describe, expect, it } from 'vitest';

import { protectedResourceMetadata, protectedResourceMetadataUrl } from './protected-resource.ts';

const description = {
  resource: 'https://files.example/mcp',
  issuer: 'https://auth.example',
  scopes: ['files:read'],
};

describe('protected resource metadata', () => {
  it('MCP R1: name exactly one authorization server', () => {
    expect(protectedResourceMetadata(description).authorization_servers).toEqual(['https://auth.example']);
  });

  it.each([
    'https://files.example/mcp',
    'https://files.example',
    'http://localhost:4001/mcp',
    'https://x.example/a?b=c',
  ])('MCP R3: %s is written exactly as the user types it', (resource) =>
    expect(protectedResourceMetadata({ ...description, resource }).resource).toBe(resource),
  );

  it('MCP R5: refuse offline_access, and what is no scope at all', () => {
    expect(() => protectedResourceMetadata({ ...description, scopes: ['offline_access'] })).toThrow(
      TypeError,
    );
    expect(() => protectedResourceMetadata({ ...description, scopes: ['a b'] })).toThrow(TypeError);
  });

  it('MCP R24: say that tokens travel in the header, and what the resource is called', () => {
    expect(protectedResourceMetadata({ ...description, name: 'Team Files' })).toMatchObject({
      bearer_methods_supported: ['header'],
      resource_name: 'Team Files',
    });
  });
});

describe('MCP R2: the address of the metadata', () => {
  it.each([
    ['https://files.example/mcp', 'https://files.example/.well-known/oauth-protected-resource/mcp'],
    ['https://files.example/a/mcp', 'https://files.example/.well-known/oauth-protected-resource/a/mcp'],
    ['https://files.example', 'https://files.example/.well-known/oauth-protected-resource'],
    ['https://files.example/', 'https://files.example/.well-known/oauth-protected-resource'],
    ['https://files.example/mcp/', 'https://files.example/.well-known/oauth-protected-resource/mcp'],
    ['http://localhost:4001/mcp?a=b', 'http://localhost:4001/.well-known/oauth-protected-resource/mcp?a=b'],
  ])('of %s is %s', (resource, url) => expect(protectedResourceMetadataUrl(resource)).toBe(url));
});
