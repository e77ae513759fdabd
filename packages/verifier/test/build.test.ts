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

/** A project that has the package installed, and of ours nothing else. */
beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'verifier-'));
  const modules = join(consumer, 'node_modules');
  await mkdir(join(modules, '@gatehouse'), { recursive: true });
  for (const name of ['jose', '@types', 'undici-types']) {
    await symlink(join(project, 'node_modules', name), join(modules, name));
  }
  const installed = join(modules, '@gatehouse', 'verifier');
  await run(process.execPath, [join(project, 'packages/verifier/build.ts'), installed], { env });
}, 60_000);
afterAll(() => rm(consumer, { recursive: true }));

it('the built package can be imported, every entry of it', async () => {
  const program = `
    import * as all from '@gatehouse/verifier';
    import { koa } from '@gatehouse/verifier/koa';
    import { express } from '@gatehouse/verifier/express';
    import { fetchHandler } from '@gatehouse/verifier/fetch';
    import { tokenVerifier } from '@gatehouse/verifier/mcp';
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
    `import { createVerifier, type VerifiedToken } from '@gatehouse/verifier';
     import { koa, type KoaMiddleware } from '@gatehouse/verifier/koa';
     import { fetchHandler } from '@gatehouse/verifier/fetch';
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
    await readFile(join(consumer, 'node_modules/@gatehouse/verifier/package.json'), 'utf8'),
  );
  expect(Object.keys(manifest.dependencies)).toEqual(['jose']);
  expect(manifest).not.toHaveProperty('peerDependencies');
});
