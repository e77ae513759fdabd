import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ConfigError, loadConfig } from './load.ts';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, n) => n * 7)).toString('base64url');
const production = {
  NODE_ENV: 'production',
  GATEHOUSE_ISSUER: 'https://auth.example.com',
  GATEHOUSE_MASTER_KEY: KEY,
  DATABASE_URL: 'postgres://db.example.com/gatehouse',
};

describe('loadConfig', () => {
  let cwd: string;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'gatehouse-config-'));
  });
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  function faultsOf(env: Record<string, string>): readonly string[] {
    try {
      loadConfig(env, cwd);
    } catch (error) {
      if (error instanceof ConfigError) return error.faults;
      throw error;
    }
    return [];
  }

  it('needs no setting at all in development', () => {
    const config = loadConfig({}, cwd);
    expect(config).toMatchObject({
      production: false,
      issuer: 'http://localhost:4000',
      listen: { host: '127.0.0.1', port: 4000 },
      internalListen: { host: '127.0.0.1', port: 4002 },
      example: { listen: { host: '127.0.0.1', port: 4001 }, resource: 'http://localhost:4001/mcp' },
      databaseUrl: undefined,
      metadataDocuments: 'open',
      dynamicRegistration: 'open',
      throttle: { enabled: true },
      lifetimes: { accessToken: 600, refreshGrace: 90 },
    });
    expect(config.dataDir).toBe(join(cwd, '.gatehouse'));
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('makes a master key once, for its owner only, and finds it again', () => {
    const first = loadConfig({}, cwd).masterKey;
    const file = join(cwd, 'keys', 'master.key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(loadConfig({}, cwd).masterKey.equals(first)).toBe(true);
    expect(first).toHaveLength(32);
  });

  it('reports every fault at once, each with the name of its setting', () => {
    const faults = faultsOf({
      GATEHOUSE_ISSUER: 'http://auth.example.com/',
      GATEHOUSE_THROTTLE: 'off',
      GATEHOUSE_MASTER_KEY: 'short',
    });
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'GATEHOUSE_ISSUER',
      'GATEHOUSE_ISSUER',
      'GATEHOUSE_THROTTLE',
      'GATEHOUSE_MASTER_KEY',
    ]);
    const malformed = faultsOf({
      GATEHOUSE_CODE_LIFETIME: '5',
      GATEHOUSE_LOG_LEVEL: 'loud',
      GATEHOUSE_LISTEN: '4000',
    });
    expect(malformed.map((fault) => fault.split(':')[0])).toEqual([
      'GATEHOUSE_LISTEN',
      'GATEHOUSE_LOG_LEVEL',
      'GATEHOUSE_CODE_LIFETIME',
    ]);
  });

  it('takes the address of a collector of traces, and a part of them between 0 and 1', () => {
    const endpoint = 'https://collector.example/v1/traces';
    expect(
      loadConfig({ GATEHOUSE_TRACES_ENDPOINT: endpoint, GATEHOUSE_TRACES_SAMPLE: '0.25' }, cwd).traces,
    ).toEqual({ endpoint, sample: 0.25 });
    expect(loadConfig({}, cwd).traces).toEqual({ endpoint: undefined, sample: 1 });
    for (const wrong of ['collector:4318', 'file:///tmp/traces']) {
      expect(faultsOf({ GATEHOUSE_TRACES_ENDPOINT: wrong }).join()).toContain('GATEHOUSE_TRACES_ENDPOINT');
    }
    for (const wrong of ['2', '-1', 'half']) {
      expect(faultsOf({ GATEHOUSE_TRACES_SAMPLE: wrong }).join()).toContain('GATEHOUSE_TRACES_SAMPLE');
    }
  });

  it('takes an empty value for an absent one, except where empty means off', () => {
    const config = loadConfig(
      {
        GATEHOUSE_ISSUER: '',
        GATEHOUSE_METADATA_DOCUMENTS: ' ',
        GATEHOUSE_EXAMPLE_LISTEN: '',
        GATEHOUSE_KEY_ROTATION: '',
      },
      cwd,
    );
    expect(config.issuer).toBe('http://localhost:4000');
    expect(config.metadataDocuments).toBe('open');
    expect(config.example.listen).toBeUndefined();
    expect(config.keys).toEqual({ jwksLifetime: 300, skew: 120, rotateAfter: 0 });
    expect(loadConfig({}, cwd).keys.rotateAfter).toBe(90 * 86_400);
  });

  it.each([
    ['a trailing slash', 'https://auth.example.com/'],
    ['a query', 'https://auth.example.com?a'],
    ['a fragment', 'https://auth.example.com#a'],
    ['upper case', 'https://AUTH.example.com'],
    ['a default port', 'https://auth.example.com:443'],
    ['another scheme', 'ftp://auth.example.com'],
    ['no scheme', 'auth.example.com'],
  ])('MCP 2: refuses an issuer with %s, which could not be byte-identical everywhere', (_what, issuer) => {
    expect(faultsOf({ GATEHOUSE_ISSUER: issuer, GATEHOUSE_MASTER_KEY: KEY }).join()).toContain(
      'GATEHOUSE_ISSUER',
    );
  });

  it('MCP 14: refuses an http issuer in production, and off loopback anywhere', () => {
    expect(faultsOf({ ...production, GATEHOUSE_ISSUER: 'http://auth.example.com' }).join()).toContain(
      'https',
    );
    expect(faultsOf({ ...production, GATEHOUSE_ISSUER: 'http://localhost:4000' }).join()).toContain('https');
    expect(
      faultsOf({ GATEHOUSE_ISSUER: 'http://auth.example.com', GATEHOUSE_MASTER_KEY: KEY }).join(),
    ).toContain('https');
    expect(faultsOf(production)).toEqual([]);
  });

  it('G6: production starts with no key of its own making', () => {
    const { GATEHOUSE_MASTER_KEY: _key, ...keyless } = production;
    expect(faultsOf(keyless).join()).toContain('production needs a master key');
    expect(existsSync(join(cwd, 'keys', 'master.key'))).toBe(false);
  });

  it('G6: production refuses the key file of development, even when it is named', () => {
    loadConfig({}, cwd);
    const { GATEHOUSE_MASTER_KEY: _key, ...keyless } = production;
    expect(faultsOf({ ...keyless, GATEHOUSE_MASTER_KEY_FILE: 'keys/master.key' }).join()).toContain(
      'key of development',
    );
    expect(
      faultsOf({ ...keyless, GATEHOUSE_MASTER_KEY_FILE: `${cwd}/keys/../keys/master.key` }),
    ).toHaveLength(1);
  });

  it.each([
    ['zeros', Buffer.alloc(32)],
    ['one letter', Buffer.alloc(32, 'a')],
    ['a pattern', Buffer.from('abcd'.repeat(8))],
  ])('G6: production refuses a master key of %s', (_what, key) => {
    expect(faultsOf({ ...production, GATEHOUSE_MASTER_KEY: key.toString('base64url') }).join()).toContain(
      'not random',
    );
  });

  it.each([
    ['GATEHOUSE_THROTTLE', 'off'],
    ['GATEHOUSE_METADATA_DOCUMENTS', 'open'],
    ['GATEHOUSE_DYNAMIC_REGISTRATION', 'open'],
    ['GATEHOUSE_JWKS_LIFETIME', '29'],
  ])('G6: production refuses %s=%s', (name, value) => {
    expect(faultsOf({ ...production, [name]: value }).join()).toContain(name);
  });

  it('SEC-M1: makes no master key in development where DATABASE_URL is set', () => {
    const faults = faultsOf({ DATABASE_URL: 'postgres://db.example.com/gatehouse' });
    expect(faults.join()).toContain('npm run -s gatehouse -- keys create-master');
    expect(existsSync(join(cwd, 'keys'))).toBe(false);
  });

  it.each(['0644', '0640', '0604'])('SEC-L9: production refuses a master key file of mode %s', (mode) => {
    const file = join(cwd, 'master.key');
    writeFileSync(file, KEY);
    chmodSync(file, Number.parseInt(mode, 8));
    const { GATEHOUSE_MASTER_KEY: _key, ...keyless } = production;
    expect(faultsOf({ ...keyless, GATEHOUSE_MASTER_KEY_FILE: file }).join()).toContain(`chmod 600 ${file}`);
    expect(loadConfig({ GATEHOUSE_MASTER_KEY_FILE: file }, cwd).warnings.join()).toContain('chmod 600');
    chmodSync(file, 0o600);
    expect(faultsOf({ ...keyless, GATEHOUSE_MASTER_KEY_FILE: file })).toEqual([]);
  });

  it('NEW-12: production makes a new embedded database only where that is stated', () => {
    const { DATABASE_URL: _url, ...rest } = production;
    expect(faultsOf(rest).join()).toContain('GATEHOUSE_EMBEDDED_DATABASE=on');
    expect(faultsOf({ ...rest, GATEHOUSE_EMBEDDED_DATABASE: 'on' })).toEqual([]);
    mkdirSync(join(cwd, '.gatehouse'));
    expect(faultsOf(rest)).toEqual([]);
  });

  it('NEW-12: warns of a setting that does not exist, with the nearest one', () => {
    const { warnings } = loadConfig({ GATEHOUSE_WORKER: '2', GATEHOUSE_SERVICE_HOST: '10.0.0.1' }, cwd);
    expect(warnings).toEqual([
      expect.stringMatching(/^GATEHOUSE_WORKER: .*did you mean GATEHOUSE_WORKERS\?/),
    ]);
  });

  it('NEW-12: says what a duration and a number look like', () => {
    const faults = faultsOf({ GATEHOUSE_CODE_LIFETIME: '5m', GATEHOUSE_WORKERS: 'two' });
    expect(faults).toEqual([
      'GATEHOUSE_WORKERS: must be a whole number, for example 10',
      'GATEHOUSE_CODE_LIFETIME: must be a whole number of seconds, for example 300',
    ]);
  });

  it('closes registration and limits documents to the allowlist where the issuer is public', () => {
    expect(loadConfig(production, cwd)).toMatchObject({
      metadataDocuments: 'allowlist',
      dynamicRegistration: 'off',
      listen: { host: '127.0.0.1', port: 4000 },
    });
  });

  it('reads a master key from its file, with the line end that editors leave', () => {
    writeFileSync(join(cwd, 'secret'), `${KEY}\n`);
    const config = loadConfig({ GATEHOUSE_MASTER_KEY_FILE: 'secret' }, cwd);
    expect(config.masterKey.toString('base64url')).toBe(KEY);
    expect(faultsOf({ GATEHOUSE_MASTER_KEY_FILE: 'absent' }).join()).toContain('cannot be read');
    writeFileSync(join(cwd, 'hex'), Buffer.from(KEY, 'base64url').toString('hex'));
    expect(faultsOf({ GATEHOUSE_MASTER_KEY_FILE: 'hex' }).join()).toContain('it has 48');
  });

  it('lets the environment win over the .env file, and a part of it', () => {
    writeFileSync(join(cwd, '.env'), 'GATEHOUSE_CODE_LIFETIME=33\nNODE_ENV=development\n# a comment\n');
    expect(loadConfig(undefined, cwd).lifetimes.code).toBe(33);
    expect(loadConfig({}, cwd).lifetimes.code).toBe(60);
    expect(readFileSync(join(cwd, '.env'), 'utf8')).toContain('33');
  });
});
