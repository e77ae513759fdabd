import { expect, it } from 'vitest';

import { recordableClientId } from './client-id.ts';
import { newId } from './ids.ts';

it('SEC-L21: recordableClientId returns a value unchanged when it has the exact form of a client identifier', () => {
  const ids = [
    newId('cli'),
    newId('res'),
    'https://chatgpt.com/oauth/abc/client.json',
    'https://app.example:8443/client.json',
    'http://localhost:4000/client.json',
  ];
  for (const id of ids) expect(recordableClientId(id)).toBe(id);
});

it('SEC-L13, SEC-L21: recordableClientId returns a hash when a secret is glued to a known prefix or URL', () => {
  const secret = 'c2VjcmV0LXNlY3JldA';
  const values = [
    secret,
    `cli_x&client_secret=${secret}`,
    `${newId('cli')}${secret}`,
    `cli_${secret}`,
    ` ${newId('cli')}`,
    `https://user:${secret}@host.example/p`,
    `https://${secret}@host.example/p`,
    `https://host.example/p?code=${secret}`,
    `https://host.example/p#${secret}`,
    `https://host.example/p ${secret}`,
    `https://host.example/${'a'.repeat(512)}/${secret}`,
    `javascript://host.example/${secret}`,
    `__proto__${secret}`,
  ];
  for (const value of values) {
    const recorded = recordableClientId(value);
    expect(recorded).toMatch(/^sha256:[\w-]{22}$/);
    expect(recorded).not.toContain(secret);
    // What is searched for by the recorded value is found again.
    expect(recordableClientId(recorded)).toBe(recorded);
  }
  expect(new Set(values.map(recordableClientId)).size).toBe(values.length);
});
