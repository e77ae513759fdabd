import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';

import { Settings } from '../../src/config/schema.ts';

const FILE = new URL('../../.env.example', import.meta.url);
const text = readFileSync(FILE, 'utf8');

/** The file that the schema asks for: one line of words and one line of default for each setting. */
function expected(): string {
  const defaults: Readonly<Record<string, unknown>> = Settings.parse({});
  const entries = Object.entries(Settings.shape).map(
    ([name, setting]) => `# ${setting.description}\n${name}=${defaults[name]}\n`,
  );
  return `# Copy this file to .env. These are all settings, with their defaults; durations are whole seconds.\n\n${entries.join('\n')}`;
}

describe('.env.example', () => {
  it('has every setting, in the order and with the words and defaults of the schema', () => {
    expect(text).toBe(expected());
  });

  it('changes nothing when it is used as it is', () => {
    expect(Settings.parse(parseEnv(text))).toEqual(Settings.parse({}));
  });
});
