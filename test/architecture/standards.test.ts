import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The rows that docs/standards.md claims: `| A1 | what holds | kept by |`. */
function claimedRows(): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, 'docs/standards.md'), 'utf8');
  const rows = [...text.matchAll(/^\| ((?:MCP R?)?[A-Z]?\d+|MCP R\d+) \| .* \| (.*) \|$/gm)];
  return new Map(rows.map(([, id = '', keptBy = '']) => [id, keptBy]));
}

/** The findings that docs/findings.md describes: `### SEC-H1: what it was`. */
function describedFindings(): ReadonlySet<string> {
  const text = readFileSync(join(root, 'docs/findings.md'), 'utf8');
  return new Set([...text.matchAll(/^### ((?:SEC|REP|NEW|CLI)-[A-Z]?\d+): /gm)].map(([, id = '']) => id));
}

/** Ids that lead the titles of tests: `it('A1, B2: …')`. */
function provenRows(): ReadonlySet<string> {
  const files = globSync('{src,packages,examples,test}/**/*.test.ts', {
    cwd: root,
    exclude: (path) => path.includes('node_modules'),
  });
  const ids = files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const titles = text.matchAll(
      /['"`]((?:(?:MCP R?|(?:SEC|REP|NEW|CLI)-[A-Z]?|[A-Z])\d+(?:, | and )?)+): /g,
    );
    return [...titles].flatMap(([, lead = '']) => lead.split(/, | and /));
  });
  return new Set(ids);
}

it('every requirement that is claimed is carried by a test', () => {
  const proven = provenRows();
  expect([...claimedRows().keys()].filter((id) => !proven.has(id))).toEqual([]);
});

it('every requirement of MCP on an authorization server is claimed', () => {
  const claimed = claimedRows();
  const rows = Array.from({ length: 65 }, (_, index) => `MCP ${index + 1}`);
  expect(rows.filter((id) => !claimed.has(id))).toEqual([]);
});

it('every requirement that a test names is explained', () => {
  const claimed = claimedRows();
  const findings = describedFindings();
  expect([...provenRows()].filter((id) => !claimed.has(id) && !findings.has(id))).toEqual([]);
});

it('the places that keep a requirement exist', () => {
  const named = [...claimedRows().values()].flatMap((keptBy) =>
    [...keptBy.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
  );
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

it('the repository names no path of the machine that it was written on', () => {
  const home = new RegExp(['/wo', 'rk/|/ho', 'me/[a-z]+/|/Us', 'ers/'].join(''));
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  const text = files.filter((file) => /\.(ts|md|json|liquid|css|js|sql|prisma|cjs)$|\.ci\/run$/.test(file));
  expect(
    text.filter((file) => existsSync(join(root, file)) && home.test(readFileSync(join(root, file), 'utf8'))),
  ).toEqual([]);
});

it('NEW-13: every file that package.json names as a binary is executable in git', () => {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  const modes = execFileSync('git', ['ls-files', '-s', ...Object.values(bin)], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const line of modes.trim().split('\n')) expect(line).toMatch(/^100755 /);
});
