/**
 * `npm run test:oracle -- [--rounds N] [--timeout SECONDS]`
 *
 * Asks a server for clients whose metadata documents cannot be had, each for another reason, and compares when and
 * with which words it says so: whoever names a URL must not learn what is at the other end (K11). The server is
 * whole, with the PostgreSQL of its own and its defaults; the web is one of real sockets on this machine.
 * The report is Markdown. Wants a machine with nothing else to do.
 */

import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadConfig } from '../../src/config/load.ts';
import { addResource } from '../../src/domain/resources/index.ts';
import { byHousekeeping } from '../../src/kernel/cause.ts';
import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import { startServer } from '../../src/main.ts';
import { freePort } from '../support/free-port.ts';
import { startTestWeb, type TestWeb } from '../support/web.ts';

/** Milliseconds by which the medians may differ. */
const GOAL = 20;
/** Milliseconds between two questions, so that few answers fall together, and the slow ones leave places for the others. */
const APART = 40;
const RESOURCE = 'https://files.example/mcp';

/** What is at the other end, and where the name leads; of itself to the web. */
const ENDS = {
  'open: a page': undefined,
  'open: says nothing': undefined,
  'open: too large': undefined,
  'open: leads elsewhere': undefined,
  'open: no TLS': '93.184.215.21',
  closed: '93.184.215.22',
  'filtered: no answer': '93.184.215.23',
  'private address, open': '10.0.0.1',
  'private address, nobody there': '10.0.0.2',
  'this machine': '127.0.0.1',
  'metadata of a cloud': '169.254.169.254',
  'no such name': 'nowhere',
} as const satisfies Readonly<Record<string, string | undefined>>;
type End = keyof typeof ENDS;

const ALL = Object.keys(ENDS) as End[];

/** A host of its own for each question, since a URL that failed is left alone for a while. */
const hostOf = (end: End, round: number) => `end${ALL.indexOf(end)}-${round}.example`;

async function furnish(web: TestWeb, rounds: number): Promise<() => void> {
  web.otherwise(async (url) => {
    const end = ALL[Number(/^https:\/\/end(\d+)-/.exec(String(url))?.[1])];
    switch (end) {
      case 'open: says nothing':
        return new Promise<never>(() => {});
      case 'open: too large':
        return Response.json({ filled: 'x'.repeat(200_000) });
      case 'open: leads elsewhere':
        return new Response(null, { status: 302, headers: { location: 'https://elsewhere.example/' } });
      default:
        return new Response('<html>', { headers: { 'content-type': 'text/html' } });
    }
  });
  const plain = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  await new Promise((resolve) => plain.once('listening', resolve));
  const { port } = plain.address() as AddressInfo;
  const closed = await freePort();
  web.route(ENDS['open: no TLS'], () => dial(port));
  web.route(ENDS.closed, () => dial(closed));
  web.route(ENDS['filtered: no answer'], () => new Promise<never>(() => {}));
  for (const end of ALL) {
    const address = ENDS[end];
    if (address === undefined) continue;
    for (let round = 0; round < rounds; round += 1) {
      web.name(hostOf(end, round), () => {
        if (address === 'nowhere') throw new Error('ENOTFOUND');
        return [{ address, family: 4 }];
      });
    }
  }
  return () => plain.close();
}

function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  });
}

interface Answer {
  /** Milliseconds. */
  readonly took: number;
  /** Everything that was said, without what names the request and what it asked for. */
  readonly words: string;
}

async function ask(issuer: string, end: End, round: number): Promise<Answer> {
  const query = new URLSearchParams({
    client_id: `https://${hostOf(end, round)}/client.json`,
    redirect_uri: 'https://app.example/cb',
    response_type: 'code',
    code_challenge: 'A'.repeat(43),
    code_challenge_method: 'S256',
    resource: RESOURCE,
  });
  const began = performance.now();
  const response = await fetch(`${issuer}/authorize?${query}`, { redirect: 'manual' });
  const text = await response.text();
  return {
    took: performance.now() - began,
    words: `${response.status} ${text.replaceAll(/req_[\w-]+/g, 'req').replaceAll(hostOf(end, round), 'host')}`,
  };
}

/** Milliseconds that this share of the answers took at the most. */
function quantile(answers: readonly Answer[], share: number): number {
  const sorted = answers.map(({ took }) => took).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

async function measure(rounds: number, timeout: string): Promise<ReadonlyMap<End, readonly Answer[]>> {
  const home = mkdtempSync(join(tmpdir(), 'gatehouse-oracle-'));
  // Started by root, PostgreSQL runs as somebody else, who has to come in here.
  chmodSync(home, 0o755);
  const web = await startTestWeb();
  const port = await freePort();
  const config = loadConfig({
    GATEHOUSE_ISSUER: `http://localhost:${port}`,
    GATEHOUSE_LISTEN: `127.0.0.1:${port}`,
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
    GATEHOUSE_DATA_DIR: join(home, 'data'),
    GATEHOUSE_LOG_LEVEL: 'silent',
    GATEHOUSE_METADATA_DOCUMENTS: 'open',
    GATEHOUSE_THROTTLE: 'off',
    GATEHOUSE_FETCH_TIMEOUT: timeout,
  });
  const server = await startServer(config, { outbound: web.outbound });
  const unfurnish = await furnish(web, rounds + 1);
  try {
    const scopes = [{ scope: 'files:read', description: 'Read files', destructive: false }];
    const files = { tenantId: DEFAULT_TENANT, identifier: RESOURCE, name: 'Files', scopes };
    await addResource(server.database.prisma, files, byHousekeeping('oracle'));
    const answers = new Map(ALL.map((end) => [end, [] as Answer[]]));
    const asked: Promise<void>[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      for (const end of shuffled(ALL)) {
        const answered = ask(config.issuer, end, round).then((answer) => {
          // The first round is for what is loaded and made once.
          if (round > 0) answers.get(end)?.push(answer);
        });
        asked.push(answered);
        await delay(APART);
      }
    }
    await Promise.all(asked);
    return answers;
  } finally {
    await server.stop();
    unfurnish();
    await web.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    timeout: { type: 'string', default: '5' },
  },
});
const found = await measure(Number(values.rounds), values.timeout);
const medians = [...found.values()].map((answers) => quantile(answers, 0.5));
const difference = Math.max(...medians) - Math.min(...medians);
const words = new Set([...found.values()].flat().map((answer) => answer.words));

console.log(`${values.rounds} rounds, ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}\n`);
console.log('| at the other end | median (ms) | 5 % | 95 % |\n|---|---|---|---|');
for (const [end, answers] of found) {
  const [half, low, high] = [0.5, 0.05, 0.95].map((share) => quantile(answers, share).toFixed(1));
  console.log(`| ${end} | ${half} | ${low} | ${high} |`);
}
console.log(`\nThe medians differ by ${difference.toFixed(1)} ms at the most (goal: less than ${GOAL}).`);
console.log(`Different answers: ${words.size} (goal: 1).`);
process.exit(difference < GOAL && words.size === 1 ? 0 : 1);
