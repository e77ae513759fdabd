import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { SHAPES } from '../../../src/doctor/index.ts';
import {
  approveRequest,
  askForClient,
  rejectRequest,
  removeRule,
  setRule,
  setTrust,
} from '../../../src/domain/admission/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { runCli } from '../../support/cli.ts';
import { clientsWeb } from '../../support/clients-web.ts';
import { examineBeside, examineFromOutside, stopOf } from '../../support/doctor.ts';
import { addPerson } from '../../support/flow.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';

const ZED = 'https://zed.dev/oauth/client-metadata.json';

/** What a client would stop at in an installation as it is now, and no more than that. */
async function stop(server: TestServer, id: string): Promise<string | undefined> {
  return stopOf(await examineBeside(server, { clients: [id] }), id);
}

const notLetIn = (reason: string) =>
  expect.stringContaining(`registration: is named by ${ZED}, which is not let in (${reason})`);

function installation(env: Readonly<Record<string, string>>): () => TestServer {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(env, { fetch: clientsWeb });
  });
  afterAll(() => server.stop());
  return () => server;
}

describe('where those on a list are let in', () => {
  const server = installation({
    GATEHOUSE_METADATA_DOCUMENTS: 'allowlist',
    GATEHOUSE_DYNAMIC_REGISTRATION: 'off',
  });

  it('a client is admitted by a rule of its URL, of a template or of its host, and no longer than that', async () => {
    const { prisma } = server().database;
    for (const pattern of [ZED, 'https://zed.dev/oauth/*', 'https://zed.dev']) {
      expect(await stop(server(), 'zed'), pattern).toEqual(notLetIn('client_not_allowed'));
      await setRule(prisma, { tenantId: DEFAULT_TENANT, pattern }, cause);
      expect(await stop(server(), 'zed'), pattern).toBeUndefined();
      await removeRule(prisma, { tenantId: DEFAULT_TENANT, pattern }, cause);
    }
  });

  it('a client is not admitted by a rule for others of its host', async () => {
    await setRule(
      server().database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: 'https://zed.dev/other/*' },
      cause,
    );
    expect(await stop(server(), 'zed')).toEqual(notLetIn('client_not_allowed'));
  });

  it('one that is blocked is said to be blocked on purpose, and no command lets it in', async () => {
    const { prisma } = server().database;
    await setRule(
      prisma,
      { tenantId: DEFAULT_TENANT, pattern: 'https://zed.dev', trust: 'untrusted' },
      cause,
    );
    await setTrust(prisma, { tenantId: DEFAULT_TENANT, clientId: ZED, trust: 'blocked' }, cause);
    const blocked = await stop(server(), 'zed');
    expect(blocked).toEqual(notLetIn('client_blocked'));
    expect(blocked).toContain('npm run -s gatehouse -- client rules');
    expect(blocked).not.toContain('enable');
    await setTrust(prisma, { tenantId: DEFAULT_TENANT, clientId: ZED, trust: 'known' }, cause);
    expect(await stop(server(), 'zed')).toBeUndefined();
  });

  it('one with a document for each connection is judged by any of them, and by the given one', async () => {
    const one = 'https://chatgpt.com/oauth/codex/k3J_9dQxAbCd/client.json';
    const judged = async (document?: string) =>
      stopOf(await examineBeside(server(), { clients: ['codex'], document }), 'codex');
    expect(await judged()).toContain('https://chatgpt.com/oauth/codex/client.json');
    expect(await judged(one)).toContain(`is named by ${one}, which is not let in (client_not_allowed)`);
    await setRule(server().database.prisma, { tenantId: DEFAULT_TENANT, pattern: one }, cause);
    expect(await judged(one)).toBeUndefined();
    expect(await judged()).toContain('client_not_allowed');
  });
});

describe('where an administrator is asked', () => {
  const server = installation({ GATEHOUSE_METADATA_DOCUMENTS: 'review' });

  it('a client waits, until what a person asked for is approved', async () => {
    const { prisma } = server().database;
    const { id: userId } = await addPerson(server());
    const bounds = { perPerson: 10, inAll: 1000 };
    const asked = { tenantId: DEFAULT_TENANT, userId, clientId: ZED, reason: '' };
    expect(await stop(server(), 'zed')).toEqual(notLetIn('client_awaits_review'));
    await askForClient(prisma, asked, bounds, cause);
    expect(await stop(server(), 'zed')).toContain(`npm run -s gatehouse -- client approve ${ZED}`);
    await approveRequest(prisma, { name: ZED, tenantId: DEFAULT_TENANT }, { trust: 'known' }, cause);
    expect(await stop(server(), 'zed')).toBeUndefined();
  });

  it('a client that was turned down waits as it did', async () => {
    const { prisma } = server().database;
    const clientId = 'https://vscode.dev/oauth/client-metadata.json';
    const { id: userId } = await addPerson(server());
    const asked = { tenantId: DEFAULT_TENANT, userId, clientId, reason: '' };
    await askForClient(prisma, asked, { perPerson: 10, inAll: 1000 }, cause);
    await rejectRequest(prisma, { name: clientId, tenantId: DEFAULT_TENANT }, cause);
    expect(await stop(server(), 'vscode')).toContain('client_awaits_review');
  });

  it('from outside it is refused on a page, and how to let it in is told all the same', async () => {
    const report = await examineFromOutside(server().issuer, { clients: ['cursor'] });
    expect(stopOf(report, 'cursor')).toMatch(
      /^authorization: is refused on a page: .*npm run -s gatehouse -- client catalogue enable cursor/,
    );
  });
});

describe('where no documents are read', () => {
  const server = installation({
    GATEHOUSE_METADATA_DOCUMENTS: 'off',
    GATEHOUSE_DYNAMIC_REGISTRATION: 'open',
  });

  it('a client that can register itself does, and a rule for its document changes nothing', async () => {
    await setRule(server().database.prisma, { tenantId: DEFAULT_TENANT, pattern: ZED }, cause);
    const { clients } = await examineBeside(server(), { clients: ['zed'], register: true });
    expect(clients[0]).toMatchObject({ outcome: 'connects' });
    expect(clients[0]?.steps).toContainEqual(
      expect.objectContaining({ stage: 'registration', says: 'registers itself' }),
    );
  });
});

describe('where everybody is let in', () => {
  const server = installation({ GATEHOUSE_METADATA_DOCUMENTS: 'open' });

  it('one that is blocked stops all the same', async () => {
    expect(await stop(server(), 'zed')).toBeUndefined();
    await setRule(
      server().database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: 'https://zed.dev', trust: 'blocked' },
      cause,
    );
    expect(await stop(server(), 'zed')).toEqual(notLetIn('client_blocked'));
  });
});

describe('whose document cannot be used', () => {
  const ANSWERS: Readonly<Record<string, () => Response>> = {
    [ZED]: () => new Response('Checking your browser', { status: 403 }),
    'https://vscode.dev/oauth/client-metadata.json': () =>
      new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }),
    'https://cursor.com/oauth/mcp-client.json': () => Response.json({ client_id: 'https://a.example/' }),
  };
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(
      {},
      { fetch: async (input) => (ANSWERS[String(input)] ?? Response.error)() },
    );
  });
  afterAll(() => server.stop());

  it.each([
    [
      'zed',
      'its host answers 403',
      /Where https:\/\/zed\.dev turns servers away, register it, .*client add --name 'Zed'/,
    ],
    ['vscode', 'what comes is not JSON', /Where https:\/\/vscode\.dev turns servers away/],
    ['cursor', 'client_id in the document is not its URL', /Its maker has to mend the document/],
  ])('%s is told why, because %s, and so is trace', async (id, because, remedy) => {
    const stopped = await stop(server, id);
    expect(stopped).toContain(`authorization: is refused on a page, because ${because}`);
    expect(stopped).toMatch(remedy);
    const [url = ''] = Object.keys(ANSWERS).filter((at) => at.includes(id));
    const traced = await runCli(['trace', url], { cwd: '/', env: server.environment });
    expect(traced.stdout).toContain(`cannot be used because ${because}`);
  });

  it('one that the server finds no way to is put down to the way', async () => {
    const stopped = await stop(server, 'claude-code');
    expect(stopped).toContain('Let the server reach https://claude.ai (DNS, firewall)');
  });
});

describe('what it says to type', { timeout: 180_000 }, () => {
  const server = installation({
    GATEHOUSE_METADATA_DOCUMENTS: 'allowlist',
    GATEHOUSE_DYNAMIC_REGISTRATION: 'off',
  });
  const kept = SHAPES.filter(({ catalogued, from }) => catalogued && from !== 'internet');

  it.each(kept.map(({ id }) => id))('lets %s in', async (id) => {
    const before = await stop(server(), id);
    const [, command] = /gatehouse -- (client catalogue enable [a-z-]+)$/.exec(before ?? '') ?? [];
    expect(command, before).toBe(`client catalogue enable ${id}`);
    const typed = await runCli(command?.split(' ') ?? [], { cwd: '/', env: server().environment });
    expect(typed).toMatchObject({ code: id === 'lm-studio' ? 1 : 0, stderr: '' });
    const after = await stop(server(), id);
    // It has no document and takes no client_id: what is typed says what can be done.
    if (id === 'lm-studio') expect(typed.stdout).toContain('cannot be switched on from here');
    else expect(after).toBeUndefined();
  });
});
