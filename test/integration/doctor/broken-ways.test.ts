import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Example, startExample } from '../../../examples/mcp-server/server.ts';
import { teamFiles } from '../../../examples/mcp-server/tools.ts';
import { enableCatalogued } from '../../../src/domain/admission/index.ts';
import { addResource } from '../../../src/domain/resources/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type BreakingProxy, edited, page, startBreakingProxy } from '../../support/breaking-proxy.ts';
import { createTestAuthority } from '../../support/certificates.ts';
import { runCli } from '../../support/cli.ts';
import { clientsWeb } from '../../support/clients-web.ts';
import { complaints, examineBeside, examineFromOutside, stopOf } from '../../support/doctor.ts';
import { freePort } from '../../support/free-port.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';

/** A whole installation behind a proxy, which every test breaks in its own way. */
let server: TestServer;
let proxy: BreakingProxy;
/** The MCP server behind a proxy of its own. */
let example: Example;
let before: BreakingProxy;
let resource: string;

const METADATA = /^\/\.well-known\/(?:oauth-authorization-server|openid-configuration)$/;

beforeAll(async () => {
  const [port, resourcePort, examplePort] = [await freePort(), await freePort(), await freePort()];
  server = await startTestServer({ GATEHOUSE_ISSUER: `http://localhost:${port}` }, { fetch: clientsWeb });
  proxy = await startBreakingProxy(`http://${server.environment['GATEHOUSE_LISTEN']}`, { port });
  resource = `http://localhost:${resourcePort}/mcp`;
  await addResource(
    server.database.prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier: resource,
      name: teamFiles.name,
      scopes: Object.entries(teamFiles.scopes).map(([scope, description]) => ({
        scope,
        description,
        destructive: false,
      })),
      defaultScopes: teamFiles.defaultScopes,
      tools: [],
    },
    cause,
  );
  example = await startExample({ issuer: server.issuer, resource, listen: `127.0.0.1:${examplePort}` });
  before = await startBreakingProxy(`http://127.0.0.1:${examplePort}`, { port: resourcePort });
});
afterAll(async () => {
  await before.close();
  await example.close();
  await proxy.close();
  await server.stop();
});
beforeEach(() => {
  proxy.break();
  before.break();
});

describe('an installation behind a proxy', () => {
  it('is well while the proxy passes everything as it is', async () => {
    const report = await examineBeside(server, { resource });
    expect(complaints(report)).toEqual([]);
    expect(report.healthy).toBe(true);
  });

  it('1: is asked for at another address than its issuer', async () => {
    const elsewhere = await startBreakingProxy(`http://${server.environment['GATEHOUSE_LISTEN']}`, {
      port: await freePort(),
    });
    elsewhere.break({ forwarded: { host: new URL(server.issuer).host } });
    try {
      const report = await examineFromOutside(elsewhere.origin, {
        clients: ['claude-code', 'vscode', 'zed'],
      });
      expect(complaints(report)).toContainEqual(
        expect.stringContaining(
          `state the issuer ${server.issuer}, and were asked for at ${elsewhere.origin}: strict clients stop here. Use ${server.issuer} everywhere, or, if ${elsewhere.origin} is the address that clients shall use, set GATEHOUSE_ISSUER=${elsewhere.origin} and restart.`,
        ),
      );
      expect(stopOf(report, 'claude-code')).toMatch(
        /^discovery: stops, because the metadata .* state another issuer/,
      );
      expect(stopOf(report, 'zed')).toMatch(/state another issuer/);
      expect(stopOf(report, 'vscode')).toBeUndefined();
    } finally {
      await elsewhere.close();
    }
  });

  it('2: has an issuer with a slash at the end', async () => {
    proxy.break({
      changed: (answer, { path }) =>
        METADATA.test(path)
          ? edited(answer, (document) => ({ ...document, issuer: `${document['issuer']}/` }))
          : answer,
    });
    const report = await examineFromOutside(server.issuer, { clients: ['claude-code', 'codex', 'zed'] });
    expect(complaints(report)).toContainEqual(
      expect.stringContaining(
        `state the issuer ${server.issuer}/, with a slash at the end; the address has none, and strict clients stop here. Let no proxy rewrite the document, and set GATEHOUSE_ISSUER=${server.issuer}.`,
      ),
    );
    expect(stopOf(report, 'claude-code')).toMatch(
      /state another issuer, .*Let no proxy rewrite the document: the issuer has no slash/,
    );
    // They compare two URLs, and not two texts.
    expect(stopOf(report, 'zed')).toBeUndefined();
  });

  it('3: is http on a host that is not this machine', async () => {
    const { port } = new URL(server.issuer);
    const issuer = `http://auth.example.com:${port}`;
    proxy.break({ forwarded: { host: new URL(server.issuer).host } });
    const report = await examineFromOutside(issuer, {
      clients: ['zed', 'claude'],
      lookup: (_name, { all }, done) =>
        all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
    });
    expect(complaints(report)).toContainEqual(
      `issuer: The issuer ${issuer} is http and not on this machine: clients refuse it, and tokens would travel in the clear. Put a proxy with TLS in front and set GATEHOUSE_ISSUER=https://auth.example.com.`,
    );
    // What the name leads to is no address of the internet.
    expect(report.clients[0]).toMatchObject({ client: 'claude', outcome: 'out_of_reach' });
  });

  it('4: loses its CORS headers', async () => {
    proxy.break({
      changed: (answer) => ({
        ...answer,
        headers: Object.fromEntries(
          Object.entries(answer.headers).filter(([name]) => !name.startsWith('access-control-')),
        ),
      }),
    });
    const report = await examineFromOutside(server.issuer, { clients: ['inspector', 'mcp-remote'] });
    expect(complaints(report)).toEqual([
      'cors: A client in a browser cannot call /.well-known/oauth-authorization-server, /.well-known/openid-configuration, /jwks, /token, /register, /revoke, /introspect: the preflight has no Access-Control-Allow-Origin for it. Let the proxy pass OPTIONS requests and the Access-Control-* headers of Gatehouse unchanged, and add none of its own.',
    ]);
    expect(stopOf(report, 'inspector')).toMatch(/^discovery: cannot read .* from the browser/);
    expect(stopOf(report, 'mcp-remote')).toBeUndefined();
  });

  it('5: has somebody in front who answers preflights himself', async () => {
    proxy.break({ instead: ({ method }) => (method === 'OPTIONS' ? page(405, 'Not allowed') : undefined) });
    const report = await examineFromOutside(server.issuer, { clients: ['inspector'] });
    expect(complaints(report)).toEqual([expect.stringContaining('the preflight is answered with 405')]);
  });

  it('6: has somebody in front who answers unknown paths with a page', async () => {
    proxy.break({
      changed: (answer, { path }) =>
        answer.status === 404 && path.startsWith('/.well-known/') ? page(404, 'Not Found') : answer,
    });
    const report = await examineFromOutside(server.issuer, { clients: ['zed'] });
    expect(complaints(report)).toEqual([
      'well_known: Something in front of the server answers the unknown path /.well-known/oauth-authorization-server/gatehouse-doctor-… itself, with an HTML page. Hand every path of this host on to Gatehouse, and let its 404 through (nginx: proxy_intercept_errors off).',
    ]);
  });

  it('7: has an application in front that answers every path with its start page', async () => {
    proxy.break({
      changed: (answer, { path }) =>
        answer.status === 404 && path.startsWith('/.well-known/') ? page(200, 'Welcome') : answer,
    });
    const report = await examineFromOutside(server.issuer, { clients: ['zed'] });
    expect(complaints(report)).toEqual([
      expect.stringContaining('is answered with 200 with an HTML page instead of a 404.'),
    ]);
  });

  it('8: has a firewall in front that wants a browser', async () => {
    proxy.break({
      instead: ({ path }) => (METADATA.test(path) ? page(403, 'Checking your browser') : undefined),
    });
    const report = await examineFromOutside(server.issuer, { clients: ['cursor', 'codex'] });
    expect(complaints(report)).toContainEqual(
      expect.stringMatching(
        /^metadata: Something in front of the server answers .* with 403 with an HTML page: a firewall that wants a browser, .* Let the firewall pass \/\.well-known\/, \/jwks, \/token/,
      ),
    );
    expect(stopOf(report, 'cursor')).toMatch(/^discovery: finds no metadata/);
  });

  it('9: has its metadata redirected to another origin', async () => {
    proxy.break({
      instead: ({ path }) =>
        METADATA.test(path)
          ? { status: 301, headers: { location: `http://127.0.0.1:1${path}` }, body: '' }
          : undefined,
    });
    const report = await examineFromOutside(server.issuer, { clients: ['sdk-v2', 'codex'] });
    expect(complaints(report)).toContainEqual(
      expect.stringContaining(
        'are redirected to http://127.0.0.1:1/.well-known/oauth-authorization-server, another origin, and clients do not follow there.',
      ),
    );
    expect(stopOf(report, 'sdk-v2')).toMatch(
      /^discovery: finds no metadata .*leads to http:\/\/127\.0\.0\.1:1/,
    );
    expect(stopOf(report, 'codex')).toMatch(/leads to http:\/\/127\.0\.0\.1:1, where it does not follow/);
  });

  it('10: answers with another iss than it announces', async () => {
    proxy.break({
      changed: (answer) => {
        const location = String(answer.headers['location'] ?? '');
        const rewritten = location.replace(/([?&]iss=)[^&]*/, '$1https%3A%2F%2Finside.example');
        return location === '' ? answer : { ...answer, headers: { ...answer.headers, location: rewritten } };
      },
    });
    const report = await examineBeside(server, { clients: ['claude-code', 'vscode'] });
    expect(stopOf(report, 'claude-code')).toBe(
      `authorization: throws the answer away, because its iss is https://inside.example and not ${server.issuer} (RFC 9207) Let no proxy rewrite the Location of /authorize, and set GATEHOUSE_ISSUER to the address that clients use.`,
    );
    expect(stopOf(report, 'vscode')).toBeUndefined();
    expect(report.healthy).toBe(false);
  });

  it('11: has a clock that is minutes off', async () => {
    proxy.break({
      changed: (answer) => ({
        ...answer,
        headers: { ...answer.headers, date: new Date(Date.now() + 7 * 60_000).toUTCString() },
      }),
    });
    const report = await examineFromOutside(server.issuer, { clients: [] });
    expect(complaints(report)).toEqual([
      'clock: The clock of the server, or of a proxy before it, is 7 minutes ahead of ours. Let all machines follow a time server (chrony, systemd-timesyncd), this one too.',
    ]);
  });

  it('12: lists S256 in one document and not in the other', async () => {
    proxy.break({
      changed: (answer, { path, method }) =>
        path === '/.well-known/openid-configuration' && method === 'GET'
          ? edited(answer, ({ code_challenge_methods_supported: _, ...document }) => document)
          : answer,
    });
    const report = await examineFromOutside(server.issuer, { clients: ['zed'] });
    expect(complaints(report)).toEqual([
      `metadata: The metadata at ${server.issuer}/.well-known/openid-configuration do not list S256 in code_challenge_methods_supported: clients that insist on PKCE stop here. Let the proxy pass the document unchanged; Gatehouse always lists S256.`,
    ]);
  });

  it('13: cannot be asked for its keys', async () => {
    proxy.break({ instead: ({ path }) => (path === '/jwks' ? page(502, 'Bad Gateway') : undefined) });
    const report = await examineFromOutside(server.issuer, { clients: [] });
    expect(complaints(report)).toContainEqual(
      `jwks: The keys at ${server.issuer}/jwks cannot be read: 502 with an HTML page; no MCP server can verify a token. Route /jwks to Gatehouse, and see with \`npm run -s gatehouse -- keys list\` that there is a key.`,
    );
  });

  it('14: is asked for keys that a cache kept for too long', async () => {
    const old = await (await fetch(`${server.issuer}/jwks`)).json();
    await server.installation.keys.replaceCompromised(cause);
    proxy.break({
      instead: ({ path }) =>
        path === '/jwks'
          ? { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(old) }
          : undefined,
    });
    const report = await examineBeside(server, { clients: [] });
    expect(complaints(report)).toContainEqual(
      expect.stringMatching(
        /^jwks: .* a cache keeps an old copy\. Let no proxy or CDN keep \/jwks for longer/,
      ),
    );
  });

  it('15: has somebody in front who puts a page in place of its errors', async () => {
    proxy.break({
      changed: (answer, { method }) =>
        method === 'POST' && answer.status >= 400 ? page(answer.status, 'Error') : answer,
    });
    const report = await examineFromOutside(server.issuer, { clients: ['claude-code', 'mcp-remote'] });
    expect(complaints(report)).toContainEqual(
      'errors: A refused POST /token, POST /revoke, POST /introspect is answered with 401 with an HTML page, and not with the JSON of Gatehouse; something in front of the server answers in its place. Let 4xx answers of Gatehouse through as they are (nginx: proxy_intercept_errors off), and let no firewall judge these paths.',
    );
    expect(stopOf(report, 'mcp-remote')).toMatch(
      /^registration: cannot register itself: .* that is not of Gatehouse/,
    );
  });

  it('16: has a proxy in front that hands on another Host', async () => {
    proxy.break({ forwarded: { host: 'backend:4000' } });
    const report = await examineFromOutside(server.issuer, { clients: ['zed'] });
    // First of all, and once: the rest comes of it.
    const [first = '', ...rest] = complaints(report);
    expect(first).toMatch(
      /^metadata: Gatehouse does not answer for localhost:\d+ \(421\): the proxy hands on another Host, .*proxy_set_header Host \$host/,
    );
    expect(rest).not.toContain(first);
  });

  it('17: takes no long addresses and no large forms', async () => {
    proxy.break({
      instead: ({ size }) => (size.target > 2 * 1024 ? page(414, 'Request-URI Too Large') : undefined),
    });
    expect(complaints(await examineFromOutside(server.issuer, { clients: [] }))).toEqual([
      'limits: An authorization request of 3 KiB does not come through: 414 with an HTML page. Let the proxy take request lines of 16 KiB (nginx: large_client_header_buffers 4 32k).',
    ]);
    proxy.break({
      instead: ({ size }) =>
        size.target > 8 * 1024
          ? page(414, 'Request-URI Too Large')
          : size.body > 32 * 1024
            ? page(413, 'Request Entity Too Large')
            : undefined,
    });
    const report = await examineFromOutside(server.issuer, { clients: [] });
    expect(complaints(report, 'warning')).toEqual([
      expect.stringContaining(
        'An authorization request of 9 KiB does not come through: 414 with an HTML page.',
      ),
    ]);
    expect(complaints(report)).toEqual([
      'limits: A token request of 40 KiB does not come through: 413 with an HTML page. Let the proxy take bodies of 64 KiB (nginx: client_max_body_size 64k).',
    ]);
  });

  it('18: loses what keeps tokens out of caches', async () => {
    proxy.break({
      changed: ({ headers: { 'cache-control': _, ...headers }, ...answer }) => ({ ...answer, headers }),
    });
    const report = await examineFromOutside(server.issuer, { clients: [] });
    expect(complaints(report)).toEqual([
      expect.stringMatching(
        /^errors: The answers of the token endpoint have lost their Cache-Control: no-store/,
      ),
    ]);
    expect(complaints(report, 'warning')).toEqual([expect.stringMatching(/^caching: /)]);
  });
});

describe('the address of a caller', () => {
  it('19: can be chosen by the caller', async () => {
    const fooled = await startTestServer({ GATEHOUSE_TRUSTED_PROXIES: '127.0.0.1/32' });
    try {
      expect(complaints(await examineBeside(fooled, { clients: [] }))).toEqual([
        'proxy: A caller can choose the address that the server sees, with X-Forwarded-For: throttles and the audit trail can be fooled. Name only your own proxies in GATEHOUSE_TRUSTED_PROXIES, and let the outermost one set X-Forwarded-For anew.',
      ]);
    } finally {
      await fooled.stop();
    }
  });
});

describe('clients that the settings keep out', () => {
  it('20: registration is off, and clients stop that know no other way', async () => {
    const shut = await startTestServer({ GATEHOUSE_DYNAMIC_REGISTRATION: 'off' }, { fetch: clientsWeb });
    try {
      const report = await examineFromOutside(shut.issuer, { clients: ['gemini-cli', 'sdk-v1', 'zed'] });
      expect(stopOf(report, 'gemini-cli')).toBe(
        'registration: cannot become known: the server offers no way for it npm run -s gatehouse -- client catalogue enable gemini-cli',
      );
      expect(stopOf(report, 'sdk-v1')).toBe(
        "registration: cannot become known: the server offers no way for it npm run -s gatehouse -- client add --name 'My client' --redirect-uri http://localhost:8090/callback",
      );
      expect(stopOf(report, 'zed')).toBeUndefined();
      expect(report.healthy).toBe(false);
    } finally {
      await shut.stop();
    }
  });

  it('21: registration needs a token that clients do not have', async () => {
    const guarded = await startTestServer(
      { GATEHOUSE_DYNAMIC_REGISTRATION: 'initial-access-token' },
      { fetch: clientsWeb },
    );
    try {
      const report = await examineFromOutside(guarded.issuer, { clients: ['mcp-remote'] });
      expect(stopOf(report, 'mcp-remote')).toBe(
        'registration: cannot register itself: the server wants an initial access token, and it has none npm run -s gatehouse -- client catalogue enable mcp-remote',
      );
    } finally {
      await guarded.stop();
    }
  });

  it('22: documents are off', async () => {
    const shut = await startTestServer(
      { GATEHOUSE_METADATA_DOCUMENTS: 'off', GATEHOUSE_DYNAMIC_REGISTRATION: 'off' },
      { fetch: clientsWeb },
    );
    try {
      const report = await examineBeside(shut, { clients: ['claude-code'] });
      expect(stopOf(report, 'claude-code')).toBe(
        'registration: cannot become known: the server offers no way for it Set GATEHOUSE_METADATA_DOCUMENTS=allowlist, restart, and run: npm run -s gatehouse -- client catalogue enable claude-code',
      );
    } finally {
      await shut.stop();
    }
  });
});

describe('clients that no rule lets in', () => {
  it('22a: documents are for those on the list alone, and the client is not on it', async () => {
    const listed = await startTestServer(
      { GATEHOUSE_METADATA_DOCUMENTS: 'allowlist' },
      { fetch: clientsWeb },
    );
    try {
      const before = await examineBeside(listed, { clients: ['claude-code', 'chatgpt'] });
      expect(stopOf(before, 'claude-code')).toBe(
        'registration: is named by https://claude.ai/oauth/claude-code-client-metadata, which is not let in (client_not_allowed) npm run -s gatehouse -- client catalogue enable claude-code',
      );
      // The same from outside, where the server says no more than that it does not know it.
      const outside = await examineFromOutside(listed.issuer, { clients: ['claude-code'] });
      expect(stopOf(outside, 'claude-code')).toMatch(
        /^authorization: is refused on a page: .* npm run -s gatehouse -- client catalogue enable claude-code$/,
      );
      await enableCatalogued(listed.database.prisma, 'claude-code', { tenantId: DEFAULT_TENANT }, cause);
      const after = await examineBeside(listed, { clients: ['claude-code'] });
      expect(stopOf(after, 'claude-code')).toBeUndefined();
    } finally {
      await listed.stop();
    }
  });

  it('22b: documents wait for an administrator', async () => {
    const reviewed = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'review' }, { fetch: clientsWeb });
    try {
      const report = await examineBeside(reviewed, { clients: ['zed'] });
      expect(stopOf(report, 'zed')).toBe(
        'registration: is named by https://zed.dev/oauth/client-metadata.json, which is not let in (client_awaits_review) npm run -s gatehouse -- client catalogue enable zed; or, when somebody has asked for it: npm run -s gatehouse -- client approve https://zed.dev/oauth/client-metadata.json',
      );
      const { rows } = await reviewed.database.pool.query(
        'SELECT count(*)::int AS count FROM client_requests',
      );
      expect(rows[0]).toEqual({ count: 0 });
    } finally {
      await reviewed.stop();
    }
  });
});

describe('an MCP server', () => {
  it('23: calls itself otherwise than people type it', async () => {
    before.break({
      changed: (answer, { path }) =>
        path.includes('oauth-protected-resource')
          ? edited(answer, (document) => ({ ...document, resource: new URL(resource).origin }))
          : answer,
    });
    const report = await examineBeside(server, {
      resource,
      clients: ['gemini-cli', 'vscode', 'mcp-remote', 'zed'],
    });
    expect(complaints(report)).toContainEqual(
      expect.stringMatching(
        /^resource: The metadata at .* say that the MCP server is .*, and people type .*: VS Code, Gemini CLI and others stop here\. Let its metadata say "resource": /,
      ),
    );
    expect(stopOf(report, 'gemini-cli')).toMatch(/^resource: stops, because .* calls itself/);
    expect(stopOf(report, 'vscode')).toMatch(/^resource: stops, because/);
    // Both take a server for what stands above it.
    expect(stopOf(report, 'mcp-remote')).toBeUndefined();
  });

  it('24: asks nobody to sign in, because its challenge was lost', async () => {
    before.break({
      changed: ({ headers: { 'www-authenticate': _, ...headers }, ...answer }) => ({ ...answer, headers }),
    });
    const report = await examineFromOutside(server.issuer, { resource, clients: [] });
    expect(complaints(report)).toEqual([
      `resource: ${resource} answers 401 without WWW-Authenticate: Bearer, and some clients then look no further. Send WWW-Authenticate: Bearer resource_metadata="${new URL(resource).origin}/.well-known/oauth-protected-resource/mcp", and let the proxy keep that header.`,
    ]);
  });

  it('25: is not protected at all, and the session that it opened is closed again', async () => {
    const closed: string[] = [];
    before.break({
      instead: ({ method, path }) => {
        if (path !== '/mcp') return undefined;
        if (method === 'DELETE') closed.push(path);
        return {
          status: 200,
          headers: { 'mcp-session-id': 'open', 'content-type': 'application/json' },
          body: '{}',
        };
      },
    });
    const report = await examineFromOutside(server.issuer, { resource, clients: [] });
    expect(complaints(report)).toEqual([
      expect.stringContaining('It is not protected: let it verify tokens (@gatehouse-mcp/verifier).'),
    ]);
    expect(closed).toEqual(['/mcp']);
  });

  it('26: sends people to another authorization server', async () => {
    before.break({
      changed: (answer, { path }) =>
        path.includes('oauth-protected-resource')
          ? edited(answer, (document) => ({ ...document, authorization_servers: [`${server.issuer}/`] }))
          : answer,
    });
    const report = await examineFromOutside(server.issuer, { resource, clients: ['sdk-v2'] });
    expect(complaints(report)).toContainEqual(
      expect.stringContaining(
        `name ${server.issuer}/, and not ${server.issuer}. Let them say "authorization_servers": ["${server.issuer}"], byte for byte.`,
      ),
    );
    // It forgives the slash in what it was told, and nothing in what it finds.
    expect(stopOf(report, 'sdk-v2')).toBeUndefined();
  });

  it('27: is not registered', async () => {
    const other = await startTestServer();
    try {
      expect(complaints(await examineBeside(other, { resource, clients: [] }))).toContainEqual(
        `resource: ${resource} is not registered here: every authorization for it ends with invalid_target. npm run -s gatehouse -- resource add --identifier ${resource} --name 'My server' --scope 'files:read=Read your files' --default-scope files:read`,
      );
    } finally {
      await other.stop();
    }
  });
});

describe('TLS', () => {
  const authority = createTestAuthority();
  const YESTERDAY = new Date(Date.now() - 86_400_000);

  /** The command before a proxy with that certificate, with the authority in the system's store, or not. */
  async function examineOver(certified: { readonly key: string; readonly cert: string }, trusted = true) {
    const port = await freePort();
    const behind = await startTestServer(
      { GATEHOUSE_ISSUER: `https://localhost:${port}` },
      { fetch: clientsWeb },
    );
    const tls = await startBreakingProxy(`http://${behind.environment['GATEHOUSE_LISTEN']}`, {
      port,
      tls: certified,
    });
    try {
      const { mkdtempSync, writeFileSync } = await import('node:fs');
      const { tmpdir } = await import('node:os');
      const ca = `${mkdtempSync(`${tmpdir()}/gatehouse-ca-`)}/ca.pem`;
      writeFileSync(ca, authority.ca);
      const run = await runCli(['doctor', '--issuer', behind.issuer, '--client', 'zed', '--json'], {
        cwd: '/',
        env: { NODE_ENV: 'test', ...(trusted ? { NODE_EXTRA_CA_CERTS: ca } : {}) },
      });
      return { code: run.code, report: run.json<Awaited<ReturnType<typeof examineFromOutside>>>() };
    } finally {
      await tls.close();
      await behind.stop();
    }
  }

  it('is well with a certificate for the host, whose end is told', async () => {
    const { code, report } = await examineOver(authority.certify('localhost'));
    expect(complaints(report)).toEqual([]);
    expect(report.checks[0]).toMatchObject({
      check: 'tls',
      level: 'ok',
      says: expect.stringContaining('its chain is whole'),
    });
    expect(code).toBe(0);
  });

  it('28: the certificate has expired', async () => {
    const { code, report } = await examineOver(authority.certify('localhost', YESTERDAY));
    expect(complaints(report)).toEqual([
      `tls: The certificate expired on ${YESTERDAY.toISOString().slice(0, 10)}. Renew it, and let the proxy load the new one.`,
    ]);
    expect(stopOf(report, 'zed')).toMatch(/^discovery: refuses the certificate \(CERT_HAS_EXPIRED\)/);
    expect(code).toBe(1);
  });

  it('29: the certificate is for another name', async () => {
    const { report } = await examineOver(authority.certify('auth.example.com'));
    expect(complaints(report)).toEqual([
      'tls: The certificate is for DNS:auth.example.com, and not for localhost. Give the proxy a certificate for localhost.',
    ]);
  });

  it('30: the certificate is of an authority that nobody knows', async () => {
    const { report } = await examineOver(authority.certify('localhost'), false);
    expect(complaints(report)).toEqual([
      expect.stringMatching(/^tls: The certificate leads to no authority that this machine knows/),
    ]);
  });
});
