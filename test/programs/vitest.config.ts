import { defineConfig } from 'vitest/config';

/** `npm run test:programs`: other makers' programs, which `npm test` does not need to have installed. */
export default defineConfig({
  test: {
    include: [
      'test/programs/*.test.ts',
      ...(process.env['GATEHOUSE_TEST_PROGRAMS'] === 'all' ? ['test/programs/more/*.test.ts'] : []),
    ],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    server: { deps: { external: [/\/(?:src|examples|test\/support)\/(?!.*\.test\.ts)/] } },
    testTimeout: 120_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    retry: process.env['GATEHOUSE_TEST_REQUIRE'] ? 1 : 0,
  },
});
