import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ListeningApp, listenWith } from '../../../test/support/http-app.ts';
import { samplePages } from '../../../test/support/pages.ts';

import { escapeText } from './escape.ts';
import type { Pages } from './pages.ts';

const HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\'{{ 7 | times: 7 }}';

/** The same data with every string that is not a URL replaced by something that wants to run. */
function hostile<T>(data: T, key = ''): T {
  if (typeof data === 'string') return (key === 'qrSvg' ? data : HOSTILE) as T;
  if (Array.isArray(data)) return data.map((item) => hostile(item, key)) as T;
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, hostile(value, name)])) as T;
}

const names = Object.keys(samplePages) as (keyof Pages)[];

describe('the pages', () => {
  let app: ListeningApp;
  beforeAll(async () => {
    app = await listenWith(({ views }) => async (ctx) => {
      const name = ctx.path.slice(1) as keyof Pages;
      const data = ctx.query['hostile'] ? hostile(samplePages[name]) : samplePages[name];
      await views.render(ctx, name, data);
    });
  });
  afterAll(() => app.close());

  it.each(names)(
    '%s renders with its data, in a frame with a title and no inline script or style',
    async (name) => {
      const { status, headers, text } = await app.ask(`/${name}`);

      expect(status).toBe(200);
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(text).toMatch(/^<!doctype html>\s*<html lang="en">/);
      expect(text).toMatch(/<title>[^<]{3,} · Gatehouse<\/title>/);
      expect(text).not.toMatch(/ style=|<style|\son\w+=|<script(?! src="\/assets\/)/);
      expect(text.match(/<form /g)?.length ?? 0).toBeLessThanOrEqual(1);
    },
  );

  it.each(names)('D7: %s asks nobody but this server for anything', async (name) => {
    const { text } = await app.ask(`/${name}`);

    for (const [, url] of text.matchAll(/(?:src|<link[^>]*href)="([^"]*)"/g))
      expect(url).toMatch(/^\/assets\//);
  });

  it.each(names)('M10: %s shows markup in any of its data as text', async (name) => {
    const { status, text } = await app.ask(`/${name}?hostile=1`);

    expect(status).toBe(200);
    expect(text).not.toContain('<script>alert');
    expect(text).not.toContain('<img src=x');
    expect(text).not.toContain(' 49');
  });

  it('has one form on each page that asks something, with its step and the csrf token', async () => {
    const steps = {
      'sign-in/identify': 'identify',
      'sign-in/password': 'password',
      'sign-in/totp': 'totp',
      'interaction/consent': 'consent',
      'interaction/continue': 'continue',
      'account/passkey': 'passkey',
    };
    for (const [name, step] of Object.entries(steps)) {
      const { text } = await app.ask(`/${name}`);
      expect(text.match(/<form [^>]*data-step="([^"]*)"/)?.[1]).toBe(step);
      expect(text).toContain('<input type="hidden" name="csrf" value="csrf-token">');
    }
  });
});

describe('the consent page', () => {
  const consent = samplePages['interaction/consent'];
  let app: ListeningApp;
  let page: Pages['interaction/consent'] = consent;
  const shown = async (data: Pages['interaction/consent']) => {
    page = data;
    const { text } = await app.ask('/');
    return text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  };
  beforeAll(async () => {
    app = await listenWith(
      ({ views }) =>
        (ctx) =>
          views.render(ctx, 'interaction/consent', page),
    );
  });
  afterAll(() => app.close());

  it('MCP 29: names the host that the browser goes to', async () => {
    expect(await shown(consent)).toContain('You will go back to http://127.0.0.1:53111');
  });

  it('MCP 30: warns in words that another program on this computer could be waiting', async () => {
    expect(await shown(consent)).toContain(
      'Another program on this computer could pretend to be Claude Code',
    );
    const web = { ...consent.client, redirectIsLoopback: false, redirect: 'https://claude.ai' };
    expect(await shown({ ...consent, client: web })).not.toContain('pretend');
  });

  it('B10: says of a private-use scheme that another program could open it', async () => {
    const client = {
      ...consent.client,
      redirectIsLoopback: false,
      redirectIsPrivateUse: true,
      redirect: 'cursor://anysphere.cursor-mcp',
    };
    expect(await shown({ ...consent, client })).toContain(
      'Another program on this device could open them too',
    );
  });

  it('K12: says that an untrusted client is not verified, and what its identity is', async () => {
    const client = {
      ...consent.client,
      name: '\u202eedualC\u2066\u200b',
      identifierHost: 'claude.example.evil',
      identity: 'unverified',
      quoted: true,
      untrusted: true,
    } as const;
    const words = await shown({ ...consent, client });

    expect(words).toContain('This program is not verified.');
    expect(words).toContain('Its identity is the web address claude.example.evil , first seen 3 days ago');
    expect(words).toContain('“ edualC ” asks for more access');
    expect(words).not.toMatch(/[\u200b\u202e\u2066]/);
  });

  it('preselects only what it is told to, and offers each scope as a checkbox', async () => {
    page = consent;
    const { text } = await app.ask('/');

    expect(text).toMatch(/name="scope" value="files:read" checked/);
    expect(text).toMatch(/name="scope" value="files:write">/);
    expect(text).toMatch(/name="scope" value="files:delete" data-beyond>/);
    expect(text).toMatch(/<button type="submit" name="decision" value="allow" data-delayed>/);
    expect(text).toMatch(/<button type="submit" name="decision" value="deny"/);
  });

  it('M7: shows the difference first and marks what is new', async () => {
    const words = await shown(consent);

    expect(words).toMatch(
      /It now also asks to Create and change files new .* It can already, and keeps what is ticked Read and search .* You can also allow Delete files/,
    );
  });
});

describe('escapeText', () => {
  it('escapes what HTML would read, and leaves out what a person cannot see', () => {
    expect(escapeText(`<a href="x">'&'</a>`)).toBe('&lt;a href=&#34;x&#34;&gt;&#39;&amp;&#39;&lt;/a&gt;');
    expect(escapeText('a\u0000b\u0007c\u009fd\u202ee\ufefff\u00adg')).toBe('abcdefg');
    expect(escapeText('line\nline\ttab 👩‍💻 שלום')).toBe('line\nline\ttab 👩‍💻 שלום');
    expect(escapeText(undefined)).toBe('');
  });
});
