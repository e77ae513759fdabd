import { describe, expect, it } from 'vitest';

import { readCredentials } from './credentials.ts';

describe('MCP R10: the access token is found', () => {
  it.each(['Bearer abc.def', 'bearer abc.def', 'BEARER   abc.def', ' Bearer abc.def '])('in %j', (header) => {
    expect(readCredentials([header], '')).toEqual({ kind: 'bearer', token: 'abc.def' });
  });
});

describe('no credentials are seen', () => {
  it.each([[[]], [['Basic dXNlcjpwYXNz']], [['DPoP abc.def']], [['Bearerabc']], [['']]])(
    'in %j',
    (headers) => {
      expect(readCredentials(headers, '')).toEqual({ kind: 'none' });
    },
  );

  it('G4: in the query', () => {
    expect(readCredentials([], 'access_token=abc.def')).toEqual({ kind: 'none' });
  });
});

describe('MCP R14: a request is malformed', () => {
  it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer a,Bearer b', 'Bearer "a"', 'Bearer a=b', 'Bearer ä'])(
    'with %j',
    (header) => expect(readCredentials([header], '').kind).toBe('malformed'),
  );

  it('with two headers', () => {
    expect(readCredentials(['Bearer a', 'Bearer b'], '').kind).toBe('malformed');
  });

  it('G4: with one token in the header and one in the query', () => {
    expect(readCredentials(['Bearer a'], 'x=1&access_token=b').kind).toBe('malformed');
    expect(readCredentials(['Bearer a'], 'x=1&access%5Ftoken=b').kind).toBe('malformed');
  });
});
