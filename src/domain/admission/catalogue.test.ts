import { describe, expect, it } from 'vitest';

import { checkRedirectUri, redirectUriMatches } from '../clients/index.ts';

import { addedRedirectUris, CATALOGUE, documentsOf } from './catalogue.ts';
import { highestTrust, parsePattern } from './pattern.ts';

describe('the catalogue', () => {
  it('has each client once, under a name that can be typed', () => {
    const names = CATALOGUE.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
  });

  it.each(CATALOGUE.map((entry) => [entry.name, entry] as const))(
    '%s can be let in as it says',
    (_, entry) => {
      if (entry.by === 'document') expect(entry.documents.length).toBeGreaterThan(0);
      for (const pattern of documentsOf(entry)) {
        expect(parsePattern(pattern).text).toBe(pattern);
        expect(highestTrust(parsePattern(pattern))).not.toBe('untrusted');
      }
      const redirects = entry.by === 'dynamic registration' ? [] : (entry.redirectUris ?? []);
      for (const uri of redirects) expect(checkRedirectUri(uri), uri).toMatchObject({ ok: true });
      if (entry.by === 'preregistration') expect(entry.advice).toContain('{client_id}');
    },
  );

  it('SEC-L4: no entry admits a document that another entry lists', () => {
    const listed = CATALOGUE.flatMap((entry) =>
      documentsOf(entry).map((pattern) => ({ name: entry.name, pattern })),
    );
    for (const { name, pattern } of listed) {
      const document = pattern.replaceAll(/\*(?:![^/]*)?/g, 'c0ffee');
      const admitting = listed.filter((rule) =>
        new RegExp(parsePattern(rule.pattern).expression).test(document),
      );
      expect(new Set(admitting.map((rule) => rule.name)), document).toEqual(new Set([name]));
    }
  });

  it('opencode may use the redirect that it sends beside its document, on any port', () => {
    const [added = ''] = addedRedirectUris('opencode');
    expect(addedRedirectUris('gemini-cli')).toEqual([]);
    expect(redirectUriMatches(added, 'http://127.0.0.1:19876/mcp/oauth/callback')).toBe(true);
    expect(addedRedirectUris('claude-code')).toEqual([]);
    expect(addedRedirectUris('__proto__')).toEqual([]);
    expect(addedRedirectUris(null)).toEqual([]);
  });
});
