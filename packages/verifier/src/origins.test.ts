import { describe, expect, it } from 'vitest';

import { createOriginCheck } from './origins.ts';

const isAllowed = createOriginCheck('https://files.example/mcp', ['https://app.example']);

describe('MCP R17: an Origin', () => {
  it.each([
    undefined,
    'https://files.example',
    'https://app.example',
    'http://localhost:6274',
    'http://127.0.0.1:5000',
    'http://[::1]:80',
  ])('%s passes', (origin) => expect(isAllowed(origin)).toBe(true));

  it.each([
    'null',
    '',
    'https://evil.example',
    'http://files.example',
    'https://files.example:8443',
    'https://files.example.evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'file://localhost',
    'garbage',
  ])('%j is refused', (origin) => expect(isAllowed(origin)).toBe(false));
});
