import { expect, it } from 'vitest';

import type { Examination } from '../examination.ts';
import type { StoreFacts } from '../store.ts';

import { checkInstallation } from './installation.ts';

const resource = {
  identifier: 'https://files.example/mcp',
  scopes: ['files:read'],
  defaultScopes: ['files:read'],
};

/** What the check says of an installation whose access tokens live so many seconds. */
async function findingsFor(accessTokenLifetime: number) {
  const store = {
    accessTokenLifetime,
    resources: [resource],
    defaultResource: undefined,
  } as Partial<StoreFacts>;
  return checkInstallation({ store, resource: undefined } as unknown as Examination);
}

it('CLI-4, REP-F4: doctor warns when access tokens live 300 seconds or less', async () => {
  for (const seconds of [60, 300]) {
    expect(await findingsFor(seconds)).toEqual([
      expect.objectContaining({
        level: 'warning',
        says: expect.stringContaining(`Access tokens live ${seconds} seconds`),
        remedy: 'Set GATEHOUSE_ACCESS_TOKEN_LIFETIME=600.',
      }),
    ]);
  }
  expect(await findingsFor(301)).toEqual([expect.objectContaining({ level: 'ok' })]);
});
