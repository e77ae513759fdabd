/** What is measured of every server that can do it. */

export type ScenarioName =
  | 'jwks'
  | 'metadata'
  | 'authorize'
  | 'code'
  | 'refresh'
  | 'replay'
  | 'introspection'
  | 'revocation'
  | 'sign-in'
  | 'pages'
  | 'first-login';

export interface Scenario {
  readonly name: ScenarioName;
  /** What one operation is. */
  readonly title: string;
  /** Operations of one measured stretch, the same for every server. */
  readonly operations: number;
  /** Operations at the same time. */
  readonly concurrency: number;
  /** Operations in a second, at which latency is measured. */
  readonly rate: number;
}

/** In the order of the report. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'jwks', title: 'JWKS', operations: 20_000, concurrency: 8, rate: 1000 },
  { name: 'metadata', title: 'Metadata', operations: 20_000, concurrency: 8, rate: 1000 },
  { name: 'authorize', title: 'Authorize to code, signed in', operations: 1500, concurrency: 8, rate: 100 },
  { name: 'code', title: 'Code exchange', operations: 3000, concurrency: 8, rate: 200 },
  { name: 'refresh', title: 'Refresh', operations: 4000, concurrency: 8, rate: 200 },
  { name: 'replay', title: 'Refresh, repeated', operations: 2000, concurrency: 8, rate: 200 },
  { name: 'introspection', title: 'Introspection', operations: 4000, concurrency: 8, rate: 200 },
  { name: 'revocation', title: 'Revocation', operations: 2000, concurrency: 8, rate: 200 },
  { name: 'sign-in', title: 'Sign-in with password and code', operations: 60, concurrency: 2, rate: 5 },
  { name: 'pages', title: 'Of it, the pages', operations: 60, concurrency: 2, rate: 20 },
  { name: 'first-login', title: 'First login, whole', operations: 40, concurrency: 2, rate: 5 },
];

/** What is measured otherwise, by its own stage. */
export const STAGES = [
  'verification',
  'start',
  'contention',
  'documents',
  'hostile',
  'growth',
  'soak',
] as const;
export type StageName = (typeof STAGES)[number];

/** What a quick run is content with. */
export const QUICK: readonly (ScenarioName | StageName)[] = [
  'jwks',
  'metadata',
  'code',
  'refresh',
  'introspection',
  'verification',
  'start',
];
