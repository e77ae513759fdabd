import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { commandPrefix, GATEHOUSE } from './command-line.ts';

it('NEW-11: commands are written as they are run from a checkout, and by name where they were installed under it', () => {
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-root-'));
  try {
    expect(commandPrefix(join(root, 'src/cli/bin.ts'), root)).toBe('gatehouse');
    writeFileSync(join(root, 'package-lock.json'), '{}');
    expect(commandPrefix(join(root, 'src/cli/bin.ts'), root)).toBe('npm run -s gatehouse --');
    expect(commandPrefix(undefined, root)).toBe('npm run -s gatehouse --');
    expect(commandPrefix('/usr/local/bin/gatehouse', root)).toBe('gatehouse');
  } finally {
    rmSync(root, { recursive: true });
  }
  expect(GATEHOUSE).toBe('npm run -s gatehouse --');
});
