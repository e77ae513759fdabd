import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Answer, type ListeningApp, listenWith } from '../../../test/support/http-app.ts';
import { samplePages } from '../../../test/support/pages.ts';

describe('the headers of every response', () => {
  let plain: ListeningApp;
  let secure: ListeningApp;
  const door: Parameters<typeof listenWith>[0] =
    ({ views }) =>
    async (ctx) => {
      if (ctx.path === '/page')
        await views.render(ctx, 'interaction/consent', samplePages['interaction/consent']);
      if (ctx.path === '/json') ctx.body = { ok: true };
      if (ctx.path === '/redirect') ctx.redirect('https://client.example/callback');
      if (ctx.path === '/broken') throw new Error('broken');
    };
  beforeAll(async () => {
    plain = await listenWith(door);
    secure = await listenWith(door, { issuer: 'https://auth.acme.example' });
  });
  afterAll(() => Promise.all([plain.close(), secure.close()]));

  /** Everything that can come out: pages, JSON, redirects, refusals, faults, and what never became a request. */
  const all = async (app: ListeningApp): Promise<readonly Answer[]> =>
    Promise.all([
      app.ask('/page'),
      app.ask('/json'),
      app.ask('/redirect'),
      app.ask('/broken'),
      app.ask('/missing'),
      app.ask('/missing', { headers: { Accept: 'application/json' } }),
      app.ask('/page', { headers: { Host: 'evil.example' } }),
      app.ask('/healthz'),
      app.ask('/page', { headers: { 'X-Long': 'x'.repeat(40_000) } }),
    ]);

  it('M1: no response can be framed', async () => {
    for (const { headers } of await all(plain)) {
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    }
  });

  it('D7: no response lets a referrer out', async () => {
    for (const { headers } of await all(plain)) expect(headers['referrer-policy']).toBe('no-referrer');
  });

  it('M10: no response lets a script run that is not a file of ours', async () => {
    for (const { headers } of await all(plain)) {
      const policy = headers['content-security-policy'];
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toContain('unsafe');
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });

  it('MCP 32: the policy has no form-action, which would stop the redirect to a loopback port or a private-use scheme', async () => {
    for (const { headers } of await all(plain)) {
      expect(headers['content-security-policy']).not.toContain('form-action');
    }
  });

  it('G12: no cache keeps a page or a refusal', async () => {
    for (const path of ['/page', '/broken', '/missing', '/token']) {
      expect((await plain.ask(path)).headers['cache-control']).toBe('no-store');
    }
  });

  it('Z5: over https every response demands https for a year, over http none does', async () => {
    for (const { headers } of await all(secure)) {
      expect(headers['strict-transport-security']).toBe('max-age=31536000');
    }
    for (const { headers } of await all(plain)) expect(headers['strict-transport-security']).toBeUndefined();
  });
});
