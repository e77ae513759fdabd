import { describe, expect, it } from 'vitest';

import {
  ACCEPTED_REDIRECT_URIS,
  OTHER_SCHEMES,
  REFUSED_REDIRECT_URIS,
} from '../../../test/fixtures/redirect-uris.ts';
import { createRandom } from '../../../test/fuzz/random.ts';

import { normalizeRegistration } from './normalize-registration.ts';
import { checkRedirectUri } from './redirect-uri.ts';
import { redirectUriMatches } from './redirect-uri-match.ts';

const ACCEPTED = Object.entries(ACCEPTED_REDIRECT_URIS).flatMap(([kind, uris]) =>
  uris.map((uri) => ({ uri, kind })),
);
const REFUSED = Object.values(REFUSED_REDIRECT_URIS).flat();

const codeOf = (uri: string) => {
  const checked = checkRedirectUri(uri);
  return checked.ok ? checked.kind : checked.code;
};

/** RFC 3986 appendix B, to the letter. */
const RFC_3986 = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?/s;

/** What both parsers must say of whatever is accepted: the same, and nothing dangerous. */
function expectOneReading(uri: string, kind: string): void {
  const [, scheme = '', authority = '', path = '', query = '', fragment] = RFC_3986.exec(uri) ?? [];
  const url = new URL(uri);
  const [, host = '', port = ''] = /^(\[.*\]|[^:]*)(?::(\d*))?$/.exec(authority) ?? [];
  const standard = { https: '443', http: '80' }[scheme.toLowerCase()];

  expect(url.protocol).toBe(`${scheme.toLowerCase()}:`);
  expect(url.hostname.toLowerCase()).toBe(host.toLowerCase());
  expect(url.port).toBe(port === standard ? '' : port);
  expect(url.pathname).toBe(standard ? path || '/' : path);
  expect(url.search.replace(/^\?/, '')).toBe(query);
  expect([url.username, url.password, url.hash, fragment]).toEqual(['', '', '', undefined]);
  if (url.protocol === 'http:') expect(['localhost', '127.0.0.1', '[::1]']).toContain(url.hostname);
  if (kind === 'private-use') expect(OTHER_SCHEMES).not.toContain(scheme.toLowerCase());
  else expect(url.protocol).toMatch(/^https?:$/);
}

/** Whether a request may go where the browser would: the registered place, or the same at another loopback port. */
function leadsToTheSamePlace(registered: string, requested: string): boolean {
  if (registered === requested) return true;
  const [ours, theirs] = [URL.parse(registered), URL.parse(requested)];
  if (!ours || !theirs) return false;
  const same = (
    ['protocol', 'username', 'password', 'hostname', 'pathname', 'search', 'hash'] as const
  ).every((part) => ours[part] === theirs[part]);
  return same && ours.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(ours.hostname);
}

describe('redirect URIs that parsers read differently', () => {
  it.each(Object.entries(REFUSED_REDIRECT_URIS))('B2, B5: %s is refused when registering', (_why, uris) => {
    for (const [uri, code] of uris) {
      expect([uri, codeOf(uri)]).toEqual([uri, code]);
      for (const kind of ['dynamic', 'document'] as const) {
        const registration = {
          client_id: 'https://ok.example/client.json',
          client_name: 'x',
          redirect_uris: ['https://ok.example/other', uri],
        };
        expect(normalizeRegistration(registration, { kind })).toMatchObject({ ok: false, code });
      }
    }
  });

  it('MCP 19: whatever is accepted is one thing to both', () => {
    for (const { uri, kind } of ACCEPTED) {
      expect([uri, codeOf(uri)]).toEqual([uri, kind]);
      expectOneReading(uri, kind);
    }
  });

  it('B2: no other scheme is accepted, however it is written', () => {
    for (const scheme of OTHER_SCHEMES) {
      for (const uri of [
        `${scheme}:`,
        `${scheme}:x`,
        `${scheme}://ok.example/cb`,
        `${scheme.toUpperCase()}://ok.example/cb`,
        ` ${scheme}://ok.example/cb`,
        `${scheme.slice(0, 1)}\t${scheme.slice(1)}://ok.example/cb`,
        `${scheme}:https://ok.example/cb`,
      ]) {
        expect([uri, ['redirect_scheme', 'redirect_malformed'].includes(codeOf(uri))]).toEqual([uri, true]);
      }
    }
  });

  it('B1, B6: of all pairs only those match that a browser takes to the same place', () => {
    const requested = [...ACCEPTED.map(({ uri }) => uri), ...REFUSED.map(([uri]) => uri)];
    let matches = 0;
    for (const { uri: registered } of ACCEPTED) {
      for (const uri of requested) {
        if (!redirectUriMatches(registered, uri)) continue;
        matches += 1;
        expect([registered, uri, leadsToTheSamePlace(registered, uri)]).toEqual([registered, uri, true]);
        expect([uri, checkRedirectUri(uri).ok]).toEqual([uri, true]);
      }
    }
    // Each itself, and the few of loopback that differ in the port alone.
    expect(matches).toBeGreaterThan(ACCEPTED.length);
  });

  it('B1: a lower-case and an upper-case spelling are two redirect URIs, although they lead to one place', () => {
    for (const { uri } of ACCEPTED) {
      const other = uri === uri.toLowerCase() ? uri.toUpperCase() : uri.toLowerCase();
      expect([uri, redirectUriMatches(uri, other)]).toEqual([uri, false]);
    }
  });
});

describe('redirect URIs that were bent at random', () => {
  const PIECES =
    '\\ / // @ : :: # ? % %2e %2f %5c %00 .. . ./ ; , & * \t \n \r \0 [ ] [::1] localhost 127.0.0.1 evil.example @evil.example .evil.example :80 :443 :0 :99999 http https javascript: data: ｌ 。 ö \u00ad \ufeff   + = ~ \' " < > ^ ` { | }'
      .split(' ')
      .concat(' ');
  const random = createRandom(20_261_121, 1);
  const bases = ACCEPTED.map(({ uri }) => uri);

  function bend(uri: string): string {
    let bent = uri;
    for (let times = 1 + random.int(3); times > 0; times -= 1) {
      const at = random.int(bent.length + 1);
      const cut = random.chance(0.3) ? random.int(4) : 0;
      bent = bent.slice(0, at) + (random.chance(0.85) ? random.pick(PIECES) : '') + bent.slice(at + cut);
    }
    return bent;
  }

  it('B1, B2: are refused, or are one thing to both parsers, and match nothing that leads elsewhere', () => {
    let accepted = 0;
    for (let at = 0; at < 40_000; at += 1) {
      const base = random.pick(bases);
      const bent = bend(base);
      const checked = checkRedirectUri(bent);
      if (checked.ok) {
        accepted += 1;
        expectOneReading(bent, checked.kind);
      }
      if (redirectUriMatches(base, bent)) {
        expect([base, bent, leadsToTheSamePlace(base, bent)]).toEqual([base, bent, true]);
      }
    }
    expect(accepted).toBeGreaterThan(1000);
  });
});
