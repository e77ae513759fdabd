import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAgent } from '../support/agent.ts';
import { addPerson } from '../support/flow.ts';
import { freePort } from '../support/free-port.ts';
import { addTestClient } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { walk } from '../support/walk.ts';

const SUITE = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'));

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
  /** By scenario. */
  readonly checks: ReadonlyMap<string, readonly Check[]>;
}

describe('the public conformance suite for authorization servers', () => {
  let stack: Stack;
  let run: Run;

  beforeAll(async () => {
    stack = await startStack();
    run = await runSuite(stack);
  }, 120_000);

  afterAll(() => stack.stop());

  it('runs every scenario that it has', () => {
    expect([...run.checks.keys()].sort()).toEqual([
      'authorization-code-grant',
      'authorization-server-metadata-endpoint',
    ]);
  });

  it('passes every check, with nothing failed, warned of or skipped', () => {
    for (const [scenario, checks] of run.checks) {
      expect(checks.length, scenario).toBeGreaterThan(0);
      const others = checks.filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO');
      expect(others, `${scenario}\n${run.output}`).toEqual([]);
    }
    expect(run.exitCode, run.output).toBe(0);
  });
});

/** Runs the suite as a public client, and walks through sign-in and consent wherever it sends a person. */
async function runSuite({ server, resource }: Stack): Promise<Run> {
  const person = await addPerson(server);
  const agent = createAgent();
  const port = await freePort();
  const { clientId } = await addTestClient(server, { redirectUris: [`http://127.0.0.1:${port}/callback`] });
  const results = await mkdtemp(join(tmpdir(), 'gatehouse-conformance-'));
  try {
    const suite = spawn(
      process.execPath,
      // Without --scenario: the code scenario alone has no metadata and always fails. The port is given, since the default would win over any other.
      [
        SUITE,
        'authorization',
        '--url',
        server.issuer,
        '--client-id',
        clientId,
        '--resource',
        resource,
        '-p',
        String(port),
        '-o',
        results,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const output = collect(suite, async (url) => {
      await fetch(await walk(agent, url, person));
    });
    const [exitCode] = await once(suite, 'close');
    return { exitCode, output: output(), checks: await readChecks(results) };
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}

/** Follows each authorization URL that the suite prints, once; ends the suite, which would wait for minutes, if that fails. */
function collect(suite: ChildProcess, follow: (url: string) => Promise<void>): () => string {
  let text = '';
  const seen = new Set<string>();
  const read = (chunk: Buffer) => {
    text += chunk;
    for (const [url] of text.matchAll(/http:\/\/\S+\/authorize\?\S+(?=\s)/g)) {
      if (seen.has(url)) continue;
      seen.add(url);
      follow(url).catch((error: unknown) => {
        text += `\n${error}`;
        suite.kill();
      });
    }
  };
  suite.stdout?.on('data', read);
  suite.stderr?.on('data', read);
  return () => text;
}

/** The suite keeps `checks.json` in a folder per scenario: `authorization-server-<scenario>-<time>`. */
async function readChecks(results: string): Promise<ReadonlyMap<string, readonly Check[]>> {
  const files = await readdir(results, { recursive: true });
  const checks = new Map<string, readonly Check[]>();
  for (const file of files.filter((name) => name.endsWith('checks.json'))) {
    const scenario = /^authorization-server-(.*)-\d{4}-\d\d-\d\dT/.exec(file)?.[1] ?? file;
    checks.set(scenario, JSON.parse(await readFile(join(results, file), 'utf8')));
  }
  return checks;
}
