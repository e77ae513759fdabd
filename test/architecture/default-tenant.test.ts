import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The command line, which administers the default tenant, and the place that gives it to the doors. */
const MAY_NAME_IT = /^src\/(?:cli\/|installation\.ts$|kernel\/ids\.ts$|platform\/database\/generated\/)/;

it('only the command line and the installation name the default tenant: everything else is told which one', () => {
  const sources = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
  const names = sources.filter((file) => readFileSync(join(root, file), 'utf8').includes('DEFAULT_TENANT'));

  expect(names).toContain('src/installation.ts');
  expect(names.filter((file) => !MAY_NAME_IT.test(file))).toEqual([]);
});
