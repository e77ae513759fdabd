import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseSync } from '@swc/core';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The guard itself, and the doctor, which asks whom its user tells it to. */
const MAY_GO_OUT = /^src\/(?:platform\/fetch|doctor)\//;

/** Globals through which a request could leave, or that lead to one; the bare `fetch` is forbidden by biome. */
const GLOBALS = ['globalThis', 'global', 'WebSocket', 'EventSource', 'XMLHttpRequest'];
/** What else gives a module that no import names. */
const LOADERS = ['getBuiltinModule', 'mainModule'];
/** Modules of Node that only a few names are taken from: to listen, and to read addresses and requests. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  http: ['createServer', 'Server', 'IncomingMessage', 'ServerResponse', 'STATUS_CODES'],
  net: ['createServer', 'Server', 'BlockList', 'isIP', 'isIPv4', 'isIPv6'],
};
/** What makes requests and nothing else. The rest of Node's own is forbidden by dependency-cruiser. */
const CLIENTS =
  /^(?:(?:node:)?dgram|undici|node-fetch|axios|got|ky|needle|request|superagent|ws|eventsource)(?:\/|$)/;

interface Node {
  readonly type?: string;
  readonly [member: string]: unknown;
}

/** Ways out of the process that a source has, in words. */
function waysOut(text: string): readonly string[] {
  const found: string[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    found.push(...waysOf(node as Node));
    for (const child of Object.values(node)) walk(child);
  };
  walk(parseSync(text, { syntax: 'typescript', target: 'es2022' }));
  return found;
}

function waysOf(node: Node): readonly string[] {
  switch (node.type) {
    case 'Identifier': {
      const name = String(node['value']);
      return GLOBALS.includes(name) || LOADERS.includes(name) ? [name] : [];
    }
    case 'StringLiteral': {
      const value = String(node['value']);
      return LOADERS.includes(value) ? [value] : [];
    }
    case 'ImportDeclaration':
      return node['typeOnly'] === true ? [] : importedFrom(sourceOf(node), namesOf(node));
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return node['source'] ? importedFrom(sourceOf(node), ['*']) : [];
    case 'CallExpression': {
      const [{ expression } = { expression: {} }] = node['arguments'] as readonly { expression: Node }[];
      const imports = (node['callee'] as Node).type === 'Import';
      return imports ? importedFrom(String(expression['value']), ['*']) : [];
    }
    default:
      return [];
  }
}

const sourceOf = (node: Node) => String((node['source'] as Node)['value']);

/** What an import takes by value; `*` for all of it. */
function namesOf(node: Node): readonly string[] {
  return (node['specifiers'] as readonly Node[]).flatMap((specifier) => {
    if (specifier['isTypeOnly'] === true) return [];
    const { imported, local } = specifier as { readonly imported?: Node; readonly local?: Node };
    return [specifier.type === 'ImportSpecifier' ? String((imported ?? local)?.['value']) : '*'];
  });
}

function importedFrom(source: string, names: readonly string[]): readonly string[] {
  if (CLIENTS.test(source)) return [source];
  const module = source.replace(/^node:/, '');
  const allowed = MODULES[module];
  return allowed ? names.filter((name) => !allowed.includes(name)).map((name) => `${name} of ${module}`) : [];
}

describe('the ways out', () => {
  it('K13: lead through platform/fetch, for everything that somebody else named', () => {
    const files = globSync('src/**/*.ts', { cwd: root });
    const ours = files.filter((file) => !/\.test\.ts$|\/generated\//.test(file) && !MAY_GO_OUT.test(file));
    expect(ours.length).toBeGreaterThan(200);
    const found = ours.flatMap((file) =>
      waysOut(readFileSync(join(root, file), 'utf8')).map((way) => `${file}: ${way}`),
    );
    expect(found).toEqual([]);
  });

  it('K13: are seen where there are some', () => {
    const guard = waysOut(readFileSync(join(root, 'src/platform/fetch/exchange.ts'), 'utf8'));
    expect(guard).toEqual(['request of http']);
    expect(waysOut(readFileSync(join(root, 'src/platform/fetch/outbound.ts'), 'utf8'))).toEqual([
      'connect of net',
    ]);
  });

  it.each([
    ['globalThis.fetch(url)', ['globalThis']],
    ["globalThis['fetch'](url)", ['globalThis']],
    ['const { fetch: get } = globalThis;', ['globalThis']],
    ['global.fetch(url)', ['global']],
    ['new WebSocket(url)', ['WebSocket']],
    ['new EventSource(url)', ['EventSource']],
    ["process.getBuiltinModule('https').get(url)", ['getBuiltinModule']],
    ["process['getBuiltinModule']('https')", ['getBuiltinModule']],
    ["import { get } from 'node:http';", ['get of http']],
    ["import { request as ask, type IncomingMessage } from 'http';", ['request of http']],
    ["import * as http from 'node:http';", ['* of http']],
    ["import http from 'node:http';", ['* of http']],
    ["import { Socket } from 'node:net';", ['Socket of net']],
    ["const { connect } = await import('node:net');", ['* of net']],
    ["import { fetch } from 'undici';", ['undici']],
    ["const { request } = await import('undici');", ['undici']],
    ["import { createSocket } from 'node:dgram';", ['node:dgram']],
    ["export * from 'node:http';", ['* of http']],
    ["import { createServer, type ClientRequest } from 'node:http';", []],
    ["import type { Socket } from 'node:net';", []],
  ])('K13: the guard guards: %s', (text, ways) => {
    expect(waysOut(text)).toEqual(ways);
  });

  it('K13: the guard guards: biome forbids the bare fetch, but for the doctor', () => {
    const copy = mkdtempSync(join(tmpdir(), 'gatehouse-outbound-'));
    const plants = ['src/oauth', 'src/domain/clients', 'src/platform/fetch', 'src/doctor'];
    try {
      cpSync(join(root, 'biome.json'), join(copy, 'biome.json'));
      for (const folder of plants) {
        mkdirSync(join(copy, folder), { recursive: true });
        writeFileSync(
          join(copy, folder, 'planted.ts'),
          "export const found = await fetch('https://a.example/');\n",
        );
      }
      const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
      const args = ['lint', '--vcs-enabled=false', '--colors=off', ...plants];
      const { stdout, stderr } = spawnSync(process.execPath, [biome, ...args], {
        cwd: copy,
        encoding: 'utf8',
      });
      const found = `${stdout}${stderr}`.matchAll(
        /^(\S+)\/planted\.ts\S* lint\/style\/noRestrictedGlobals/gm,
      );
      expect([...found].map(([, folder]) => folder).sort()).toEqual(plants.slice(0, 3).sort());
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});
