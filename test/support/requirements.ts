import { existsSync } from 'node:fs';
import { describe, it } from 'vitest';

/** What a suite may need beyond Node and npm. */
export type Requirement = 'browser' | 'redis' | 'postgres';

const CHROMIUM_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** The Chromium to test with: the one that TEST_CHROMIUM names, else one in its usual place. */
export const chromium: string | undefined =
  process.env['TEST_CHROMIUM'] || CHROMIUM_PLACES.find((path) => existsSync(path));

/** A Redis that tests may fill, of which nothing else depends. */
export const redisUrl: string | undefined = process.env['TEST_REDIS_URL'] || undefined;

/** How to have what is missing, for the title of what is skipped. */
const HOW: Readonly<Record<Requirement, string>> = {
  browser: 'needs Chromium: apt-get install chromium, or name one in TEST_CHROMIUM',
  redis: 'needs Redis: TEST_REDIS_URL=redis://127.0.0.1:6379',
  postgres: 'needs a PostgreSQL that is not ours: TEST_DATABASE_URL=postgres://postgres@127.0.0.1/postgres',
};

/**
 * Whether this run has what a suite needs.
 *
 * @throws Error when it has not and GATEHOUSE_TEST_REQUIRE (comma-separated) says that it must: where
 * everything was installed, a skip would hide a failure.
 */
export function available(requirement: Requirement): boolean {
  const there = {
    browser: chromium !== undefined,
    redis: redisUrl !== undefined,
    postgres: Boolean(process.env['TEST_DATABASE_URL']),
  }[requirement];
  const required = (process.env['GATEHOUSE_TEST_REQUIRE'] ?? '').split(',').map((name) => name.trim());
  if (!there && required.includes(requirement)) {
    throw new Error(`GATEHOUSE_TEST_REQUIRE names ${requirement}, and this run ${HOW[requirement]}`);
  }
  return there;
}

/** `describe` where the requirement is met; elsewhere one skipped test whose title says how to run the suite. */
export function describeWith(requirement: Requirement, title: string, suite: () => void): void {
  if (available(requirement)) describe(title, suite);
  else it.skip(`${title} (${HOW[requirement]})`, () => {});
}
