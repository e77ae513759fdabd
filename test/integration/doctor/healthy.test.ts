import type { LookupFunction } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressesOf, isPrivateAddress } from '../../../src/doctor/addresses.ts';
import { SHAPES } from '../../../src/doctor/index.ts';
import { CATALOGUE, documentsOf } from '../../../src/domain/admission/catalogue.ts';
import { enableCatalogued } from '../../../src/domain/admission/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { runCli } from '../../support/cli.ts';
import { clientsWeb } from '../../support/clients-web.ts';
import { complaints, examineBeside, examineFromOutside, stopOf } from '../../support/doctor.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';
import { type Stack, startStack } from '../../support/stack.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({}, { fetch: clientsWeb });
});
afterAll(() => server.stop());

/** Everything that could be left behind, and must not. */
async function remains(of: TestServer = server) {
  const { rows } = await of.database.pool.query(`
    SELECT (SELECT count(*)::int FROM clients WHERE removed_at IS NULL) AS clients,
           (SELECT count(*)::int FROM grants) AS grants,
           (SELECT count(*)::int FROM consents) AS consents,
           (SELECT count(*)::int FROM sessions) AS sessions,
           (SELECT count(*)::int FROM authorization_codes) AS codes,
           (SELECT count(*)::int FROM client_requests) AS requests,
           (SELECT count(*)::int FROM interactions) AS interactions`);
  return rows[0];
}

const NOTHING = { clients: 0, grants: 0, consents: 0, sessions: 0, codes: 0, requests: 0, interactions: 0 };
const ON_THIS_MACHINE = SHAPES.filter(({ from }) => from !== 'internet').map(({ id }) => id);

describe('a default installation', () => {
  it('is well, from outside and beside its store, and nothing remains of the examination', async () => {
    const outside = await examineFromOutside(server.issuer);
    expect(complaints(outside)).toEqual([]);
    expect(ON_THIS_MACHINE.filter((id) => stopOf(outside, id) !== undefined)).toEqual([]);
    expect(outside.healthy).toBe(true);

    const beside = await examineBeside(server);
    expect(complaints(beside)).toEqual([]);
    expect(beside.healthy).toBe(true);
    expect(await remains()).toEqual(NOTHING);
  });

  it('is no place for clients that run on the internet, and neither is a private network; they do not count', async () => {
    const lookup: LookupFunction = (_name, _options, done) =>
      done(null, [{ address: '10.1.2.3', family: 4 }]);
    expect(isPrivateAddress('100.64.0.1') && isPrivateAddress('fd00::1')).toBe(true);
    expect(isPrivateAddress('93.184.215.14') || isPrivateAddress('2606:2800:21f::1')).toBe(false);
    expect(await addressesOf('auth.example.com', lookup)).toEqual(['10.1.2.3']);
    expect(await addressesOf('[::1]')).toEqual(['::1']);

    const { clients } = await examineFromOutside(server.issuer, { clients: ['claude', 'chatgpt'] });
    expect(clients.map(({ outcome }) => outcome)).toEqual(['out_of_reach', 'out_of_reach']);
  });

  it('is well under a path too, where clients look in three places', async () => {
    const tenant = await startTestServer({}, { fetch: clientsWeb, path: '/t1' });
    try {
      const report = await examineBeside(tenant, { clients: ON_THIS_MACHINE, register: true });
      expect(complaints(report)).toEqual([]);
      expect(report.healthy).toBe(true);
      expect(report.checks).toContainEqual(
        expect.objectContaining({ check: 'metadata', says: expect.stringContaining('at 3 addresses') }),
      );
    } finally {
      await tenant.stop();
    }
  });

  it('asks clients with a document to sign in, and hears them at the token endpoint', async () => {
    const { clients } = await examineBeside(server, {
      clients: ['claude-code', 'vscode', 'zed'],
    });
    for (const { steps } of clients) {
      expect(steps.map(({ stage, level }) => `${stage} ${level}`)).toEqual([
        'discovery ok',
        'registration ok',
        'authorization ok',
        'token ok',
      ]);
    }
  });

  it('CLI-9: says of each client which version of it was replayed', async () => {
    const { code, stdout } = await runCli(['doctor', '--client', ...ON_THIS_MACHINE], {
      cwd: '/',
      env: server.environment,
    });
    expect(code).toBe(0);
    for (const { name, version } of SHAPES.filter(({ id }) => ON_THIS_MACHINE.includes(id)))
      expect(stdout).toContain(`${name} ${version}: discovery`);
    expect(stdout).toContain('mcp-remote 0.15.1');
    expect(stdout).toContain('opencode 1.18.33');
  });

  it('CLI-9: replays metadata documents that the catalogue entry of the client admits, and no others', () => {
    for (const { id, registration } of SHAPES.filter(({ catalogued }) => catalogued)) {
      const entry = CATALOGUE.find(({ name }) => name === id);
      const replayed = registration.flatMap((way) => (way.kind === 'document' ? [way.url] : []));
      expect(entry && documentsOf(entry), id).toEqual(expect.arrayContaining(replayed));
    }
  });

  it('CLI-6: opencode stops where nobody registers itself, until it is switched on by name', async () => {
    const closed = await startTestServer({ GATEHOUSE_DYNAMIC_REGISTRATION: 'off' }, { fetch: clientsWeb });
    try {
      const before = await examineBeside(closed, { clients: ['opencode'] });
      expect(stopOf(before, 'opencode')).toBe(
        'registration: cannot become known: the server offers no way for it npm run -s gatehouse -- client catalogue enable opencode',
      );
      await enableCatalogued(closed.database.prisma, 'opencode', { tenantId: DEFAULT_TENANT }, cause);
      const after = await examineBeside(closed, { clients: ['opencode'] });
      expect(after.clients[0]).toMatchObject({ outcome: 'connects', version: '1.18.33' });
    } finally {
      await closed.stop();
    }
  });
});

describe('registration', () => {
  it('is tried with what has to be refused, and registers nobody', async () => {
    const report = await examineFromOutside(server.issuer, {
      clients: ['mcp-remote', 'inspector', 'lm-studio', 'sdk-v1'],
    });
    for (const { outcome, steps } of report.clients) {
      expect(outcome).toBe('connects');
      expect(steps.map(({ stage, level }) => `${stage} ${level}`)).toEqual([
        'discovery ok',
        'registration ok',
        'authorization not_checked',
      ]);
    }
    expect(await remains()).toEqual(NOTHING);
  });

  it('with --register is done, tried to the end and undone', async () => {
    const report = await examineBeside(server, {
      register: true,
      clients: ['inspector', 'mcp-remote', 'gemini-cli', 'lm-studio', 'sdk-v1', 'sdk-v2'],
    });
    for (const { name, outcome, steps } of report.clients) {
      expect(outcome, name).toBe('connects');
      expect(steps.map(({ stage, level }) => `${stage} ${level}`)).toEqual([
        'discovery ok',
        'registration ok',
        'authorization ok',
        'token ok',
      ]);
    }
    expect(await remains()).toEqual(NOTHING);
  });
});

describe('beside the store', () => {
  it('a client that was switched on by name is replayed as it is registered', async () => {
    const other = await startTestServer({ GATEHOUSE_DYNAMIC_REGISTRATION: 'off' }, { fetch: clientsWeb });
    try {
      const before = await examineBeside(other, { clients: ['gemini-cli'] });
      expect(stopOf(before, 'gemini-cli')).toBe(
        'registration: cannot become known: the server offers no way for it npm run -s gatehouse -- client catalogue enable gemini-cli',
      );
      await enableCatalogued(other.database.prisma, 'gemini-cli', { tenantId: DEFAULT_TENANT }, cause);
      const after = await examineBeside(other, { clients: ['gemini-cli'] });
      expect(after.clients[0]?.outcome).toBe('connects');
      expect(after.clients[0]?.steps.map(({ stage }) => stage)).toEqual([
        'discovery',
        'registration',
        'authorization',
        'token',
      ]);
    } finally {
      await other.stop();
    }
  });
});

describe('an MCP server behind it', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.stop());

  it('is judged as each client judges it', async () => {
    const report = await examineBeside(stack.server, {
      resource: stack.resource,
      clients: ['mcp-remote', 'inspector', 'gemini-cli', 'sdk-v1', 'sdk-v2'],
    });
    expect(complaints(report)).toEqual([]);
    for (const { steps } of report.clients) {
      expect(steps[0]).toMatchObject({ stage: 'resource', level: 'ok' });
      expect(steps[1]).toMatchObject({ stage: 'discovery', level: 'ok' });
    }
    expect(report.healthy).toBe(true);
  });
});

describe('gatehouse doctor', () => {
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = server.environment) =>
    runCli(['doctor', ...args], { cwd: '/', env });

  it('says for people what is well, and for programs the same as one document', async () => {
    const text = await run(['--client', 'claude-code']);
    expect(text.stdout).toContain(`The issuer is ${server.issuer}, byte for byte`);
    expect(text.stdout).toContain('Claude Code 2.1.332: discovery, registration, authorization, token');
    expect(text.stdout).toContain('All is well.');
    expect(text.code).toBe(0);

    const json = await run(['--client', 'claude-code', '--json']);
    expect(json.code).toBe(0);
    expect(json.json()).toMatchObject({
      issuer: server.issuer,
      healthy: true,
      clients: [{ client: 'claude-code', outcome: 'connects' }],
    });
  });

  it('looks at a server elsewhere without a configuration, and says that the store was not asked', async () => {
    const elsewhere = await run(['--issuer', server.issuer, '--client', 'zed'], { NODE_ENV: 'production' });
    expect(elsewhere.stdout).toContain('The store was not asked, because there is no configuration');
    expect(elsewhere.code).toBe(0);
  });

  it('makes no store where there is none', async () => {
    const alone = await run(['--client', 'zed', '--json'], {
      GATEHOUSE_ISSUER: server.issuer,
      GATEHOUSE_DATA_DIR: '/nonexistent/gatehouse',
      GATEHOUSE_MASTER_KEY: server.environment['GATEHOUSE_MASTER_KEY'] ?? '',
    });
    expect(alone.json()).toMatchObject({ without: expect.stringContaining('no server runs on') });
    expect(alone.code).toBe(0);
  });

  it('exits with 1 for what is not well, with 2 for what it does not understand, with 3 where nobody answers', async () => {
    const slash = await run(['--issuer', `${server.issuer}/`, '--client', 'zed']);
    expect([slash.code, slash.stdout]).toEqual([1, expect.stringContaining('ends with a slash')]);
    const unknown = await run(['--client', 'netscape']);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('There is no client netscape'),
    ]);
    expect((await run(['--issuer', 'auth.example.com'])).code).toBe(2);
    const nobody = await run(['--issuer', 'http://localhost:1', '--json']);
    expect(nobody.code).toBe(3);
    expect(nobody.json()).toEqual({
      error: 'not_available',
      reason: expect.stringContaining('Nobody answers'),
    });
  });
});
