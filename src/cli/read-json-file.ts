import { readFileSync } from 'node:fs';

import { UsageError } from './failure.ts';

/** The JSON of a file that an option names. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const what = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new UsageError(`The file ${path} ${what}: ${(error as Error).message}`);
  }
}
