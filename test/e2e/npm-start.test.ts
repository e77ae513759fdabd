import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { isAlive } from '../../src/platform/database/embedded/processes.ts';
import { createAgent } from '../support/agent.ts';
import { newcomerEnvironment, type Started, start } from '../support/newcomer.ts';
import { createProgramV2 } from '../support/sdk-v2.ts';
import { totpCode } from '../support/totp.ts';
import { walk } from '../support/walk.ts';

const ADA = {
  id: '',
  email: 'ada@example.com',
  name: 'Ada Lovelace',
  password: 'correct horse battery staple',
};

describe('npm start, as a newcomer', () => {
  let home: string;
  let environment: Readonly<Record<string, string>>;
  let running: Started[];

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'gatehouse-newcomer-'));
    // Started by root, PostgreSQL runs as somebody else, who has to come in here.
    chmodSync(home, 0o755);
    environment = await newcomerEnvironment(home);
    running = [];
  });

  afterEach(async () => {
    for (const { process } of running) process.kill('SIGTERM');
    await Promise.all(running.map(({ ended }) => ended));
    rmSync(home, { recursive: true, force: true });
  });

  const begin = (): Started => {
    const started = start(home, environment);
    running.push(started);
    return started;
  };
  const stop = async (started: Started): Promise<number | NodeJS.Signals> => {
    started.process.kill('SIGINT');
    return started.ended;
  };
  const postgres = () =>
    Number(readFileSync(join(home, 'data/postgres/postmaster.pid'), 'utf8').split('\n')[0]);
  const resource = () => environment['GATEHOUSE_EXAMPLE_RESOURCE'] ?? '';

  it('says where everything is and what to do next', async () => {
    const output = await begin().ready;

    expect(output).toMatch(new RegExp(`Issuer +${environment['GATEHOUSE_ISSUER']}\n`));
    expect(output).toMatch(new RegExp(`Data +${home}/data/`));
    expect(setupLink(output)).toContain(`${environment['GATEHOUSE_ISSUER']}/setup?token=`);
    expect(output).toContain(`claude mcp add --transport http team-files ${resource()}\n`);
  });

  it('leads from the printed link to a tool call, stops on Ctrl-C, and finds everything again', async () => {
    const first = begin();
    const agent = createAgent();
    const totpSecret = await becomeAdministrator(setupLink(await first.ready));
    const program = createProgramV2({
      resource: resource(),
      redirectUri: 'http://localhost:33418/callback',
      grantTypes: ['authorization_code', 'refresh_token'],
      // The code that proved the seed is spent, so the next one has to do.
      open: (url) => walk(agent, url, { ...ADA, totpSecret }, { code: nextCode(totpSecret) }),
    });
    await program.connect();
    expect(await program.tools()).toContain('read_file');
    const postmaster = postgres();
    expect(isAlive(postmaster)).toBe(true);

    expect(await stop(first)).toBe(0);
    expect(isAlive(postmaster)).toBe(false);
    expect(existsSync(join(home, 'data/postgres/postmaster.pid'))).toBe(false);

    const output = await begin().ready;
    expect(output).not.toContain('/setup?token=');
    const { tokens } = program.memory;
    program.memory.tokens = tokens && { ...tokens, access_token: 'run-out' };
    await program.close();
    await program.connect();
    expect(await program.tools()).toContain('read_file');
    expect(program.opened).toHaveLength(1);
    await program.close();
  });

  it('just works after a kill -9', async () => {
    const first = begin();
    const agent = createAgent();
    await becomeAdministrator(setupLink(await first.ready));
    first.process.kill('SIGKILL');
    expect(await first.ended).toBe('SIGKILL');

    const second = begin();
    expect(await second.ready).not.toContain('/setup?token=');
    expect((await agent.get(`${environment['GATEHOUSE_ISSUER']}/account`)).form?.step).toBe('identify');
    const postmaster = postgres();
    expect(await stop(second)).toBe(0);
    expect(isAlive(postmaster)).toBe(false);
  });

  it('refuses a second one on the same data, and says what to do', async () => {
    const first = begin();
    await first.ready;
    const second = start(home, { ...environment, ...(await newcomerEnvironment(home)) });

    expect(await second.ended).toBe(1);

    expect(second.output()).toMatch(/^Process \d+ is running Gatehouse on .*GATEHOUSE_DATA_DIR\)\.\n$/m);
    expect(second.output()).not.toContain('    at ');
    const response = await fetch(`${environment['GATEHOUSE_ISSUER']}/healthz`);
    expect(response.status).toBe(200);
  });

  it('says which address is taken', async () => {
    await begin().ready;
    const elsewhere = { ...environment, GATEHOUSE_DATA_DIR: `${home}/other` };
    const second = start(home, elsewhere);

    expect(await second.ended).toBe(1);

    expect(second.output()).toContain(`${environment['GATEHOUSE_LISTEN']}. Stop what listens there`);
    expect(second.output()).not.toContain('    at ');
    expect(existsSync(join(home, 'other/postgres/postmaster.pid'))).toBe(false);
  });
});

function setupLink(output: string): string {
  return /http\S+\/setup\?token=\S+/.exec(output)?.[0] ?? '';
}

/** Walks through set-up with password and code; answers the seed. */
async function becomeAdministrator(link: string): Promise<string> {
  const agent = createAgent();
  const identity = await agent.get(link);
  const factor = await agent.submit(identity, { name: ADA.name, email: ADA.email });
  const totpSecret = /class="secret">([A-Z2-7 ]+)</.exec(factor.html)?.[1]?.replaceAll(' ', '') ?? '';
  const done = await agent.submit(factor, { password: ADA.password, code: totpCode(totpSecret) });
  if (!done.html.includes('Ready')) throw new Error(`set-up did not end: ${done.status} ${done.html}`);
  return totpSecret;
}

function nextCode(totpSecret: string): string {
  return totpCode(totpSecret, Date.now() + 30_000);
}
