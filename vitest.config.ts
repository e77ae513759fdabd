import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'packages/**/*.test.ts', 'test/**/*.test.ts'],
    // Programs of other makers, which `npm ci` does not install: npm run test:programs.
    exclude: [...configDefaults.exclude, 'test/programs/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // To load the server and to compile its queries takes a second of processor time: once for each worker, not for each file.
    isolate: false,
    // Node runs our source as it is, so it does here, too.
    server: { deps: { external: [/\/(?:src|examples|test\/support)\/(?!.*\.test\.ts)/] } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    // Where nothing may be skipped, on machines that do other things too, a failure counts when it comes twice.
    retry: process.env['GATEHOUSE_TEST_REQUIRE'] ? 1 : 0,
  },
});
