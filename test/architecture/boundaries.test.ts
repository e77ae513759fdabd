import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

interface Report {
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
    readonly totalCruised: number;
    readonly totalDependenciesCruised: number;
  };
}

/** One forbidden import for each rule: where it is planted, what it imports. */
const PLANTS: readonly (readonly [rule: string, file: string, imports: string])[] = [
  ['kernel-imports-nothing-of-ours', 'src/kernel/planted.ts', '../domain/audit/index.ts'],
  ['config-knows-only-kernel', 'src/config/planted.ts', '../platform/database/index.ts'],
  ['platform-knows-no-domain-and-no-door', 'src/platform/http/planted.ts', '../../domain/users/index.ts'],
  ['platform-knows-no-domain-and-no-door', 'src/platform/http/planted-door.ts', '../../oauth/index.ts'],
  ['domain-knows-no-door', 'src/domain/grants/planted-door.ts', '../../oauth/index.ts'],
  ['domain-knows-no-door', 'src/domain/grants/planted-config.ts', '../../config/load.ts'],
  ['domain-is-entered-by-its-index', 'src/cli/planted-store.ts', '../domain/clients/store.ts'],
  ['domain-enters-domain-by-its-index', 'src/domain/grants/planted-store.ts', '../audit/store.ts'],
  ['domain-audit-knows-only-what-is-listed', 'src/domain/audit/planted.ts', '../users/index.ts'],
  ['domain-tokens-knows-only-what-is-listed', 'src/domain/tokens/planted.ts', '../keys/index.ts'],
  ['domain-folders-are-listed', 'src/domain/unheard-of/index.ts', '../../kernel/ids.ts'],
  [
    'domain-stands-on-store-and-cryptography',
    'src/domain/keys/planted-redis.ts',
    '../../platform/redis/index.ts',
  ],
  [
    'domain-stands-on-store-and-cryptography',
    'src/domain/keys/planted-pool.ts',
    '../../platform/database/pool.ts',
  ],
  ['doors-never-import-each-other', 'src/account/planted.ts', '../sign-in/index.ts'],
  ['doors-never-import-each-other', 'src/cli/planted-door.ts', '../oauth/index.ts'],
  ['doctor-sees-the-server-from-outside', 'src/doctor/planted.ts', '../domain/clients/index.ts'],
  ['doctor-sees-the-server-from-outside', 'src/doctor/checks/planted.ts', '../../config/load.ts'],
  ['only-the-command-line-knows-the-doctor', 'src/oauth/planted-doctor.ts', '../doctor/index.ts'],
  ['doors-do-not-know-the-house', 'src/account/planted-house.ts', '../app.ts'],
  ['doors-do-not-know-the-house', 'src/account/planted-telemetry.ts', '../telemetry/index.ts'],
  ['only-the-guard-goes-out', 'src/oauth/planted-https.ts', 'node:https'],
  ['only-the-guard-goes-out', 'src/domain/clients/planted-dns.ts', 'node:dns/promises'],
  ['only-telemetry-counts', 'src/sign-in/planted-counter.ts', 'prom-client'],
  ['only-observability-traces', 'src/oauth/planted-trace.ts', '@opentelemetry/api'],
  ['only-oauth-sees-oidc-provider', 'src/sign-in/planted.ts', 'oidc-provider'],
  ['only-oauth-sees-oidc-provider', 'src/planted.ts', 'oidc-provider/lib/models/client.js'],
  ['verifier-depends-on-jose-only', 'packages/verifier/src/planted.ts', 'zod'],
  ['verifier-depends-on-jose-only', 'packages/verifier/src/planted-ours.ts', '../../../src/kernel/ids.ts'],
  ['examples-use-what-is-published', 'examples/mcp-server/planted.ts', '../../src/kernel/ids.ts'],
  ['nothing-depends-on-what-only-tests-install', 'src/oauth/planted.ts', 'vitest'],
  ['nothing-depends-on-tests', 'src/oauth/planted-test.ts', '../platform/crypto/seal.test.ts'],
  ['nothing-unresolved', 'src/oauth/planted-nowhere.ts', './nowhere.ts'],
];

describe('the import rules', () => {
  let copy: string;
  let report: Report;

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'gatehouse-boundaries-'));
    for (const entry of ['src', 'packages', 'examples']) {
      cpSync(join(ROOT, entry), join(copy, entry), {
        recursive: true,
        filter: (path) => !path.includes('node_modules'),
      });
    }
    for (const file of ['package.json', '.dependency-cruiser.cjs'])
      cpSync(join(ROOT, file), join(copy, file));
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir');
    for (const [, file, imports] of PLANTS) {
      mkdirSync(dirname(join(copy, file)), { recursive: true });
      writeFileSync(join(copy, file), `import '${imports}';\n`);
    }
    writeFileSync(join(copy, 'src/oauth/planted-circle-a.ts'), "import './planted-circle-b.ts';\n");
    writeFileSync(join(copy, 'src/oauth/planted-circle-b.ts'), "import './planted-circle-a.ts';\n");
    report = cruise(copy);
  }, 60_000);
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  const broken = (file: string) =>
    report.summary.violations.filter(({ from }) => from === file).map(({ rule }) => rule.name);

  it('are kept by the project itself, which is really read', () => {
    const { summary } = cruise(ROOT);
    expect(summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`)).toEqual([]);
    expect(summary.totalCruised).toBeGreaterThan(150);
    expect(summary.totalDependenciesCruised).toBeGreaterThan(500);
  });

  it.each(PLANTS)('%s: refuses %s with an import of %s', (rule, file) => {
    expect(broken(file)).toContain(rule);
  });

  it('no-circles: refuses two files that import each other', () => {
    expect(broken('src/oauth/planted-circle-a.ts')).toContain('no-circles');
  });

  it('a type is an import like any other', () => {
    writeFileSync(
      join(copy, 'src/kernel/planted.ts'),
      "import type { User } from '../domain/users/index.ts';\nexport type U = User;\n",
    );
    expect(cruise(copy).summary.violations.map(({ from }) => from)).toContain('src/kernel/planted.ts');
  });

  it('names every rule in a plant', () => {
    const rules: { forbidden: { name: string }[] } = JSON.parse(
      execFileSync(process.execPath, ['-p', `JSON.stringify(require('./.dependency-cruiser.cjs'))`], {
        cwd: ROOT,
        encoding: 'utf8',
      }),
    );
    const planted = new Set([...PLANTS.map(([rule]) => rule), 'no-circles']);
    const unplanted = rules.forbidden
      .map(({ name }) => name)
      .filter((name) => !planted.has(name) && !/^domain-\w+-knows-only-what-is-listed$/.test(name));
    expect(unplanted).toEqual([]);
  });

  it('process.env is read in config/load.ts and nowhere else', () => {
    const readers = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .map((file) => `src/${file}`)
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('/generated/'))
      .filter((file) =>
        /\bprocess\s*(?:\?\.|\.)\s*env\b|from '(?:node:)?process'/.test(code(join(ROOT, file))),
      );
    expect(readers).toEqual(['src/config/load.ts']);
  });
});

/** Without comments, so that prose may speak of it. */
function code(path: string): string {
  return readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

function cruise(cwd: string): Report {
  const bin = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = ['--config', '.dependency-cruiser.cjs', '-T', 'json', 'src', 'packages', 'examples'];
  const { stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 27,
  });
  if (!stdout.startsWith('{')) throw new Error(`dependency-cruiser said nothing: ${stderr}`);
  return JSON.parse(stdout);
}
