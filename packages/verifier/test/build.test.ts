import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const project = fileURLToPath(new URL('../../..', import.meta.url));
const bin = join(project, 'node_modules', '.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
let consumer: string;

/** Files of the tarball, without the folder that npm puts around them. */
let packed: readonly string[];

/** Packs the package as it is published, and unpacks it in a project that has nothing else of ours. */
beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'verifier-'));
  const modules = join(consumer, 'node_modules');
  const installed = join(modules, '@gatehouse-mcp', 'verifier');
  await mkdir(installed, { recursive: true });
  for (const name of ['jose', '@types', 'undici-types']) {
    await symlink(join(project, 'node_modules', name), join(modules, name));
  }
  const built = join(consumer, 'dist');
  await run(process.execPath, [join(project, 'packages/verifier/build.ts'), built], { env });
  const { stdout } = await run('npm', ['pack', built, '--json'], { cwd: consumer, env });
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  packed = files.map(({ path }) => path);
  await run('tar', ['-xzf', join(consumer, filename), '-C', installed, '--strip-components=1']);
}, 120_000);
afterAll(() => rm(consumer, { recursive: true }));

it('NEW-7: the tarball holds JavaScript with declarations, the licence and the README, and no sources or tests', () => {
  expect(packed).toEqual(
    expect.arrayContaining(['LICENSE', 'README.md', 'index.js', 'index.d.ts', 'koa.js']),
  );
  expect(packed.filter((path) => /(?<!\.d)\.ts$|\.test\./.test(path))).toEqual([]);
});

it('NEW-7: npm refuses to pack the sources, and names the command that builds the package', async () => {
  const refused = await run('npm', ['pack'], { cwd: join(project, 'packages/verifier'), env }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  expect(`${refused.stdout}${refused.stderr}`).toContain('npm run package');
});

it('NEW-7: the package can be imported, every entry of it', async () => {
  const program = `
    import * as all from '@gatehouse-mcp/verifier';
    import { koa } from '@gatehouse-mcp/verifier/koa';
    import { express } from '@gatehouse-mcp/verifier/express';
    import { fetchHandler } from '@gatehouse-mcp/verifier/fetch';
    import { tokenVerifier } from '@gatehouse-mcp/verifier/mcp';
    const verifier = all.createVerifier({ issuer: 'https://a.example', resource: 'https://b.example/mcp' });
    const error = await verifier.verify('garbage').catch((reason) => reason);
    console.log(error instanceof all.TokenError, error.code, typeof koa({ verifier, scopes: [], tools: [] }));
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: consumer });
  expect(stdout).toBe('true malformed function\n');
});

it('the declarations of the built package are sound', async () => {
  await writeFile(
    join(consumer, 'index.ts'),
    `import { createVerifier, type VerifiedToken } from '@gatehouse-mcp/verifier';
     import { koa, type KoaMiddleware } from '@gatehouse-mcp/verifier/koa';
     import { fetchHandler } from '@gatehouse-mcp/verifier/fetch';
     const verifier = createVerifier({ issuer: 'https://a.example', resource: 'https://b.example/mcp' });
     export const token: Promise<VerifiedToken> = verifier.verify('x');
     export const middleware: KoaMiddleware = koa({ verifier, scopes: [], tools: [] });
     // @ts-expect-error a verifier is needed
     fetchHandler({ scopes: [], tools: [] }, () => new Response());`,
  );
  const options = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', types: ['node'] };
  await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
  await writeFile(join(consumer, 'package.json'), '{"type":"module"}');
  const compiled = await run(join(bin, 'tsc'), ['-p', consumer], { cwd: consumer, env }).catch(
    (error) => error,
  );
  expect(compiled.stdout).toBe('');
}, 60_000);

it('depends on jose and nothing else', async () => {
  const manifest = JSON.parse(
    await readFile(join(consumer, 'node_modules/@gatehouse-mcp/verifier/package.json'), 'utf8'),
  );
  expect(Object.keys(manifest.dependencies)).toEqual(['jose']);
  expect(manifest).not.toHaveProperty('peerDependencies');
});
