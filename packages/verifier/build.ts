import { spawnSync } from 'node:child_process';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = import.meta.dirname;
const [out = join(root, 'dist')] = process.argv.slice(2);

/**
 * Builds what is published: JavaScript and declarations, in a folder that is a package of its own
 * (`npm run package` packs it), because Node strips no types under `node_modules`.
 */
await rm(out, { recursive: true, force: true });
const tsc = spawnSync('tsc', ['-p', 'tsconfig.build.json', '--outDir', out], { cwd: root, stdio: 'inherit' });
if (tsc.status !== 0) process.exit(1);

const { scripts: _, ...manifest } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const exports = Object.fromEntries(
  Object.entries<string>(manifest.exports).map(([name, source]) => {
    const file = source.replace('./src/', './').replace(/\.ts$/, '');
    return [name, { types: `${file}.d.ts`, default: `${file}.js` }];
  }),
);
await writeFile(join(out, 'package.json'), `${JSON.stringify({ ...manifest, exports }, null, 2)}\n`);
await copyFile(join(root, 'README.md'), join(out, 'README.md'));
await copyFile(join(root, '../../LICENSE'), join(out, 'LICENSE'));
