import type { ServerResponse } from 'node:http';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createKey, startIssuer, type TestIssuer } from '../test/issuer.ts';

import type { Fetch } from './fetch-json.ts';
import { createJwksReader } from './key-set.ts';
import { createVerifier, type Verifier } from './verifier.ts';

const resource = 'https://files.example/mcp';
const SECOND = 1000;
const HOUR = 3600 * SECOND;
let issuer: TestIssuer;
let verifier: Verifier;
let clock: number;

beforeEach(async () => {
  clock = Date.now();
  issuer = await startIssuer({ resource });
  verifier = createVerifier({ issuer: issuer.issuer, resource, now: () => clock });
});
afterEach(() => issuer.close());

/** A token that lives for days, so that only the keys can be the reason of a refusal. */
const longLived = (header = {}, key = issuer.key) =>
  issuer.token({ exp: Math.floor(Date.now() / 1000) + 7 * 86_400 }, header, key);
const verify = async (token: string) => (await verifier.verify(token)).subject;
const outage = () => {
  issuer.behaviour.jwksAnswer = (_, response) => response.writeHead(500).end();
};

describe('the keys', () => {
  it('are fetched at the first token, once for all who wait', async () => {
    expect(issuer.hits.jwks).toBe(0);
    const tokens = await Promise.all(Array.from({ length: 50 }, () => longLived()));
    await Promise.all(tokens.map(verify));
    expect(issuer.hits).toEqual({ jwks: 1, metadata: 1 });
  });

  it('are kept for as long as their sender says', async () => {
    issuer.behaviour.cacheControl = 'public, max-age=600';
    await verify(await longLived());
    clock += 470 * SECOND;
    await verify(await longLived());
    expect(issuer.hits.jwks).toBe(1);
    clock += 140 * SECOND;
    await verify(await longLived());
    expect(issuer.hits.jwks).toBe(2);
  });

  it('are renewed behind the reader when their time is nearly over', async () => {
    await verify(await longLived());
    clock += 250 * SECOND;
    await verify(await longLived());
    await expect.poll(() => issuer.hits.jwks).toBe(2);
  });

  it.each([
    ['no-store', 23, 31],
    ['max-age=1', 23, 31],
    ['max-age=99999999', 19 * 3600, 24 * 3600 + 1],
    [undefined, 230, 301],
  ])('live no shorter than 30 seconds and no longer than a day (%s)', async (control, kept, over) => {
    issuer.behaviour.cacheControl = control;
    await verify(await longLived());
    clock += kept * SECOND;
    await verify(await longLived());
    expect(issuer.hits.jwks).toBe(1);
    clock += (over - kept) * SECOND;
    await verify(await longLived());
    expect(issuer.hits.jwks).toBe(2);
  });

  it('MCP R22: a key that was rotated in is found at once', async () => {
    await verify(await longLived());
    const next = await createKey('ES256', 'key-2');
    issuer.behaviour.keys.push(next.publicJwk);
    expect(await verify(await longLived({}, next))).toBe('usr_ana');
    expect(issuer.hits.jwks).toBe(2);
  });

  it('MCP R22: a key that was withdrawn verifies nothing more, remembered tokens included', async () => {
    const token = await longLived();
    await verify(token);
    const next = await createKey('ES256', 'key-2');
    issuer.behaviour.keys = [next.publicJwk];
    clock += 301 * SECOND;
    await expect(verify(token)).rejects.toMatchObject({ code: 'key_unknown' });
  });

  it('a kid that now names another key verifies nothing that the old one signed', async () => {
    const token = await longLived();
    await verify(token);
    issuer.behaviour.keys = [(await createKey('ES256', issuer.key.kid)).publicJwk];
    clock += 301 * SECOND;
    await expect(verify(token)).rejects.toMatchObject({ code: 'signature' });
  });
});

it('a key that is published unchanged is the same key, so that what it verified stays verified', async () => {
  const read = createJwksReader(new Set(['ES256']));
  const [one, two] = [await createKey('ES256', 'one'), await createKey('ES256', 'one')];
  const first = read({ keys: [one.publicJwk] }).get('one');
  expect(first).toBeDefined();
  expect(read({ keys: [{ ...one.publicJwk }] }).get('one')).toBe(first);
  expect(read({ keys: [two.publicJwk] }).get('one')).not.toBe(first);
});

describe('G9: a flood of made-up key names', () => {
  it('costs one fetch per cooldown, and tokens with known keys pass meanwhile', async () => {
    await verify(await longLived());
    const flood = async () => {
      const tokens = await Promise.all(
        Array.from({ length: 100 }, (_, i) => longLived({ kid: `nope-${i}` })),
      );
      const results = await Promise.allSettled([...tokens, await longLived()].map(verify));
      return results.map((result) => (result.status === 'fulfilled' ? 'ok' : result.reason.code));
    };
    const refused = [...Array.from({ length: 100 }, () => 'key_unknown'), 'ok'];
    expect(await flood()).toEqual(refused);
    expect(await flood()).toEqual(refused);
    expect(issuer.hits.jwks).toBe(2);
    clock += 31 * SECOND;
    expect(await flood()).toEqual(refused);
    expect(issuer.hits.jwks).toBe(3);
  });

  it('costs nothing when the tokens are not even made out to us', async () => {
    await verify(await longLived());
    const foreign = await issuer.token({ aud: 'https://other.example' }, { kid: 'nope' });
    await expect(verify(foreign)).rejects.toMatchObject({ code: 'audience' });
    expect(issuer.hits.jwks).toBe(1);
  });
});

describe('MCP R22: when the authorization server is out', () => {
  it('the last good keys go on verifying, for a day', async () => {
    await verify(await longLived());
    outage();
    clock += 12 * HOUR;
    expect(await verify(await longLived())).toBe('usr_ana');
    clock += 13 * HOUR;
    await expect(verify(await longLived())).rejects.toMatchObject({ code: 'jwks_unavailable' });
  });

  it('it is not asked more than once in five seconds', async () => {
    await verify(await longLived());
    outage();
    clock += HOUR;
    for (let call = 0; call < 20; call += 1) await verify(await longLived());
    expect(issuer.hits.jwks).toBe(2);
    clock += 6 * SECOND;
    await verify(await longLived());
    expect(issuer.hits.jwks).toBe(3);
  });

  it('without any keys nothing is accepted and nothing is said about the token', async () => {
    outage();
    await expect(verify(await longLived())).rejects.toMatchObject({ code: 'jwks_unavailable' });
    await expect(verify(await longLived())).rejects.toMatchObject({ code: 'jwks_unavailable' });
    expect(issuer.hits.jwks).toBe(1);
    issuer.behaviour.jwksAnswer = undefined;
    clock += 6 * SECOND;
    expect(await verify(await longLived())).toBe('usr_ana');
  });

  it('an unknown key may be a new one, so nothing is said about the token', async () => {
    await verify(await longLived());
    outage();
    await expect(verify(await longLived({ kid: 'new' }))).rejects.toMatchObject({ code: 'jwks_unavailable' });
  });
});

describe('a JWKS answer is not taken that', () => {
  const answers: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
    'redirects elsewhere': (response) =>
      response.writeHead(302, { location: `${issuer.issuer}/moved` }).end(),
    'is larger than any key set': (response) =>
      response
        .writeHead(200)
        .end(JSON.stringify({ keys: issuer.behaviour.keys, filler: 'x'.repeat(300_000) })),
    'is no JSON': (response) => response.writeHead(200).end('<html>'),
    'has no keys': (response) => response.writeHead(200).end('{"keys":[]}'),
    'is no key set': (response) => response.writeHead(200).end('[]'),
  };
  it.each(Object.entries(answers))('%s', async (_, answer) => {
    await verify(await longLived());
    issuer.behaviour.jwksAnswer = (_request, response) => {
      answer(response);
    };
    clock += 301 * SECOND;
    expect(await verify(await longLived())).toBe('usr_ana');
    const fresh = createVerifier({ issuer: issuer.issuer, resource });
    await expect(fresh.verify(await longLived())).rejects.toMatchObject({ code: 'jwks_unavailable' });
  });

  it('comes too late', async () => {
    issuer.behaviour.jwksAnswer = () => {};
    const impatient = createVerifier({
      issuer: issuer.issuer,
      resource,
      jwksUri: `${issuer.issuer}/jwks`,
      fetch: (url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(50) }),
    });
    await expect(impatient.verify(await longLived())).rejects.toMatchObject({ code: 'jwks_unavailable' });
  });
});

describe('the metadata are not taken that', () => {
  it.each([
    ['name another issuer', () => ({ issuer: 'https://evil.example' })],
    ['name the issuer with a trailing slash', () => ({ issuer: `${issuer.issuer}/` })],
    ['have no jwks_uri', () => ({ jwks_uri: undefined })],
    ['point to keys over plain http', () => ({ jwks_uri: 'http://auth.example/jwks' })],
    ['point to keys in a file', () => ({ jwks_uri: 'file:///etc/passwd' })],
  ])('%s', async (_, change) => {
    Object.assign(issuer.behaviour.metadata, change());
    const asked: string[] = [];
    const recorded: Fetch = (url, init) => {
      asked.push(url);
      return fetch(url, init);
    };
    const careful = createVerifier({ issuer: issuer.issuer, resource, fetch: recorded });
    await expect(careful.verify(await longLived())).rejects.toMatchObject({ code: 'jwks_unavailable' });
    expect(asked).toEqual([`${issuer.issuer}/.well-known/oauth-authorization-server`]);
  });
});
