/**
 * Who may import whom (ARCHITECTURE.md). `npm run boundaries` keeps it, and test/architecture plants one
 * forbidden import for each rule to prove that it does.
 *
 * TypeScript has no compiler API that this tool could use, so it reads with swc; without `@swc/core` it
 * would read nothing and be content, which the same test would notice.
 */

/** The ways in. */
const DOORS = 'oauth|sign-in|account|admin|gateway|cli';

/**
 * Which domain folder may know which. It stays without circles; a new arrow is a decision.
 * Tests may set up what they need.
 */
const DOMAIN_ARROWS = {
  admission: ['audit', 'authority', 'clients'],
  audit: [],
  authority: [],
  backup: ['audit', 'clients', 'credentials', 'grants', 'keys', 'links', 'sessions'],
  tenants: [],
  clients: ['audit'],
  credentials: ['audit', 'keys'],
  grants: ['admission', 'audit', 'authority', 'keys', 'resources'],
  keys: ['audit'],
  links: [],
  resources: ['audit', 'tenants'],
  secrets: ['audit'],
  sessions: ['audit', 'credentials', 'users'],
  tokens: ['admission', 'audit', 'authority', 'grants'],
  users: ['audit', 'credentials', 'links', 'tenants'],
};

const TEST = '\\.test\\.ts$';

const domainArrows = Object.entries(DOMAIN_ARROWS).map(([folder, known]) => ({
  name: `domain-${folder}-knows-only-what-is-listed`,
  severity: 'error',
  comment: `domain/${folder} may know ${known.join(', ') || 'no other domain folder'}`,
  from: { path: `^src/domain/${folder}/`, pathNot: TEST },
  to: { path: '^src/domain/', pathNot: `^src/domain/(?:${[folder, ...known].join('|')})/` },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'two files that need each other are one file, or need a third',
      from: { pathNot: '/generated/' },
      to: { circular: true },
    },
    {
      name: 'nothing-unresolved',
      severity: 'error',
      comment: 'a guard that cannot follow an import cannot guard it',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'kernel-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^src/kernel/' },
      to: { path: '^(?:src|packages|examples|scripts|test)/', pathNot: '^src/kernel/' },
    },
    {
      name: 'config-knows-only-kernel',
      severity: 'error',
      from: { path: '^src/config/', pathNot: TEST },
      to: { path: '^(?:src|packages|examples|scripts|test)/', pathNot: '^src/(?:config|kernel)/' },
    },
    {
      name: 'platform-knows-no-domain-and-no-door',
      severity: 'error',
      from: { path: '^src/platform/', pathNot: TEST },
      to: { path: '^(?:src|packages|examples|scripts|test)/', pathNot: '^src/(?:platform|kernel)/' },
    },
    {
      name: 'domain-knows-no-door',
      severity: 'error',
      comment: 'nor the configuration: what a domain needs to be told is an argument',
      from: { path: '^src/domain/', pathNot: TEST },
      to: { path: '^(?:src|packages|examples|scripts|test)/', pathNot: '^src/(?:domain|platform|kernel)/' },
    },
    {
      name: 'domain-is-entered-by-its-index',
      severity: 'error',
      from: { pathNot: '^src/domain/' },
      to: { path: '^src/domain/[^/]+/', pathNot: '^src/domain/[^/]+/index\\.ts$' },
    },
    {
      name: 'domain-enters-domain-by-its-index',
      severity: 'error',
      from: { path: '^src/domain/([^/]+)/' },
      to: { path: '^src/domain/[^/]+/', pathNot: '^src/domain/(?:$1/|[^/]+/index\\.ts$)' },
    },
    ...domainArrows,
    {
      name: 'domain-folders-are-listed',
      severity: 'error',
      comment: 'a new domain folder says in DOMAIN_ARROWS whom it knows',
      from: { path: '^src/domain/', pathNot: `^src/domain/(?:${Object.keys(DOMAIN_ARROWS).join('|')})/` },
      to: {},
    },
    {
      name: 'domain-stands-on-store-and-cryptography',
      severity: 'error',
      comment: 'cookies only in *.http.ts; throttle, Redis and the log are passed in',
      from: { path: '^src/domain/', pathNot: '(?:\\.http|\\.test)\\.ts$' },
      to: {
        path: '^src/platform/',
        pathNot: '^src/platform/(?:crypto/|database/(?:index|generated/client)\\.ts$)',
      },
    },
    {
      name: 'doctor-sees-the-server-from-outside',
      severity: 'error',
      comment: 'what it judges, it has from an answer; what only the store knows is passed in',
      from: { path: '^src/doctor/', pathNot: TEST },
      to: { path: '^(?:src|packages|examples|scripts|test)/', pathNot: '^src/(?:doctor|kernel)/' },
    },
    {
      name: 'only-the-command-line-knows-the-doctor',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(?:doctor|cli)/' },
      to: { path: '^src/doctor/' },
    },
    {
      name: 'doors-never-import-each-other',
      severity: 'error',
      from: { path: `^src/(${DOORS})/` },
      to: { path: `^src/(?:${DOORS})/`, pathNot: '^src/$1/' },
    },
    {
      name: 'doors-do-not-know-the-house',
      severity: 'error',
      comment: 'app.ts knows the doors; only the command line may start the server',
      from: { path: `^src/(?:${DOORS})/`, pathNot: '^src/cli/' },
      to: { path: '^src/(?:(?:app|main)\\.ts$|telemetry/)' },
    },
    {
      name: 'only-oauth-sees-oidc-provider',
      severity: 'error',
      from: { pathNot: '^src/oauth/|node_modules' },
      to: { path: 'node_modules/(?:@types/)?oidc-provider/' },
    },
    {
      name: 'only-the-guard-goes-out',
      severity: 'error',
      comment: 'what somebody else named is fetched by platform/fetch; biome forbids the global fetch',
      from: { path: '^src/', pathNot: `^src/(?:platform/fetch|doctor)/|${TEST}` },
      to: { path: '^(?:node:)?(?:dns|dns/promises|tls|https|http2)$' },
    },
    {
      name: 'only-telemetry-counts',
      severity: 'error',
      comment: 'whoever has something to tell is passed a function for it',
      from: { path: '^src/', pathNot: '^src/telemetry/' },
      to: { path: 'node_modules/prom-client/' },
    },
    {
      name: 'only-observability-traces',
      severity: 'error',
      comment: 'it is loaded when traces are wanted, and registers nothing globally',
      from: { path: '^src/', pathNot: '^src/platform/observability/' },
      to: { path: 'node_modules/@opentelemetry/' },
    },
    {
      name: 'verifier-depends-on-jose-only',
      severity: 'error',
      comment: 'it is published alone; web frameworks and SDKs it knows by their shape',
      from: { path: '^packages/verifier/src/', pathNot: TEST },
      to: {
        pathNot:
          '^packages/verifier/src/|node_modules/jose/|^node:|^(?:crypto|stream|http|events|url|buffer)$',
      },
    },
    {
      name: 'examples-use-what-is-published',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^src/' },
    },
    {
      name: 'nothing-depends-on-what-only-tests-install',
      severity: 'error',
      from: { path: '^(?:src|packages/[^/]+/src)/', pathNot: TEST },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'nothing-depends-on-tests',
      severity: 'error',
      from: { path: '^(?:src|packages|examples)/', pathNot: `${TEST}|^packages/[^/]+/test/` },
      to: { path: `${TEST}|^test/|/test/` },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    moduleSystems: ['es6'],
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
