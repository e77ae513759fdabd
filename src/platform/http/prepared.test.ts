import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';

import { prepare, prepared } from './prepared.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

describe('prepared', () => {
  const body = JSON.stringify({ issuer: 'https://auth.acme.example' });
  let app: ListeningApp;
  beforeAll(async () => {
    app = await listenWith(() => prepared(prepare(body, { type: JSON_TYPE, maxAge: 300 })));
  });
  afterAll(() => app.close());

  it('answers the same bytes with a strong ETag and the time that they may be kept', async () => {
    const { status, headers, text } = await app.ask('/jwks');

    expect(status).toBe(200);
    expect(text).toBe(body);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(body.length),
      'cache-control': 'public, max-age=300',
      etag: expect.stringMatching(/^"[\w-]{22}"$/),
    });
  });

  it('answers 304 to whoever has it already, and HEAD without a body', async () => {
    const { headers } = await app.ask('/jwks');
    const again = await app.ask('/jwks', { headers: { 'If-None-Match': String(headers['etag']) } });
    const head = await app.ask('/jwks', { method: 'HEAD' });

    expect([again.status, again.text]).toEqual([304, '']);
    expect(again.headers['etag']).toBe(headers['etag']);
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', String(body.length)]);
  });

  it('answers 405 to every other method', async () => {
    const answer = await app.ask('/jwks', { method: 'POST' });

    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });
});

describe('assets', () => {
  let app: ListeningApp;
  let page: string;
  beforeAll(async () => {
    app = await listenWith(({ views }) => async (ctx) => {
      if (ctx.path === '/') {
        await views.render(ctx, 'sign-in/identify', {
          csrf: 'x',
          action: '/',
          passkey: { optionsUrl: '/a', verifyUrl: '/b' },
        });
      }
    });
    page = (await app.ask('/')).text;
  });
  afterAll(() => app.close());

  it('of a page are there, of the right type, and may be kept for ever', async () => {
    const urls = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, url]) => url ?? '');
    expect(new Set(urls).size).toBe(4);

    for (const url of urls) {
      const { status, headers } = await app.ask(url);
      expect(status).toBe(200);
      expect(headers['content-type']).toMatch(/^(text\/css|text\/javascript|image\/svg\+xml)/);
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    }
  });

  it('the style is smaller than 10 kB', async () => {
    const css = /href="(\/assets\/gatehouse-[^"]+)"/.exec(page)?.[1] ?? '';
    expect(Buffer.byteLength((await app.ask(css)).text)).toBeLessThan(10_000);
  });

  it('T2: nothing else can be read through them', async () => {
    for (const path of [
      '/assets/',
      '/assets/gatehouse.css',
      '/assets/../package.json',
      '/assets/%2e%2e/layout.liquid',
      '/assets/__proto__',
    ]) {
      expect((await app.ask(path)).status).toBe(404);
    }
  });
});
