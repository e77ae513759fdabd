import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

import { UsageError } from '../../src/cli/failure.ts';
import { createProgram } from '../../src/cli/program.ts';
import { SHAPES } from '../../src/doctor/index.ts';
import { catalogueEntry } from '../../src/domain/admission/catalogue.ts';

const root = resolve(import.meta.dirname, '../..');
const pages = globSync(['README.md', 'docs/**/*.md', 'examples/*/README.md'], { cwd: root });
const read = (page: string) => readFileSync(join(root, page), 'utf8');

/** What a reader types after `gatehouse`, with the page that says so. */
const commands = pages.flatMap((page) =>
  [...read(page).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    [...block.replaceAll('\\\n', ' ').matchAll(/^npm run -s gatehouse -- (.*)$/gm)].map(
      ([, typed = '']) => [page, typed] as const,
    ),
  ),
);

/** As a shell takes it apart, as far as the guides go: words, quotes, comments and pipes. */
function wordsOf(typed: string): readonly string[] {
  const [command = ''] = typed.replace(/\$\([^)]*\)/g, 'today').split(/ [#|>] ?/);
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  );
}

class Understood extends Error {}

/** Takes a command as it is typed, and stops where it would do something. */
async function typeIn(typed: string): Promise<void> {
  const here = () => Promise.reject(new Understood());
  const program = createProgram({
    withStore: here,
    withBareStore: here,
    readSecret: () => Promise.resolve('a secret'),
    readConfig: here,
    print: () => undefined,
  });
  // It opens no store: it would write its file.
  program.hook('preAction', (_program, command) => {
    if (command.name() === 'create-master') throw new Understood();
  });
  await program.parseAsync([...wordsOf(typed)], { from: 'user' });
}

describe('the guides', () => {
  it.each(commands)('%s: gatehouse %s is understood', async (_page, typed) => {
    await typeIn(typed).catch((error: unknown) => {
      // A file that only the reader has.
      const needsFile = error instanceof UsageError && error.message.includes('ENOENT');
      if (!(error instanceof Understood) && !needsFile) throw error;
    });
  });

  it('a command that does not exist is noticed', async () => {
    await expect(typeIn('client catalog enable cursor')).rejects.not.toBeInstanceOf(Understood);
    await expect(typeIn('doctor --client netscape')).rejects.not.toBeInstanceOf(Understood);
    await expect(typeIn('keys create-master')).rejects.not.toBeInstanceOf(Understood);
  });

  it('a command that would write a file is understood and not done', async () => {
    await expect(typeIn('keys create-master /nowhere/master.key')).rejects.toBeInstanceOf(Understood);
  });

  it('show no command that a checkout does not have', () => {
    const bare = pages.flatMap((page) =>
      [...read(page).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
        (block.match(/^(?:.*\| )?gatehouse .*$/gm) ?? []).map((line) => `${page}: ${line}`),
      ),
    );
    expect(bare).toEqual([]);
  });

  it('name clients as the catalogue does', () => {
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/catalogue enable ([a-z-]+)/g)].map(([, name = '']) => name),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => catalogueEntry(name) === undefined)).toEqual([]);
  });

  it('quote what a person reads as it stands there', () => {
    const words = readFileSync(join(root, 'src/oauth/refusals/words.ts'), 'utf8');
    const quoted = pages.flatMap((page) =>
      [...read(page).matchAll(/"((?:This program|We will not)[^"]*)"/g)].map(([, title = '']) => title),
    );
    expect(quoted.length).toBeGreaterThan(10);
    expect(quoted.filter((title) => !words.includes(`'${title}'`))).toEqual([]);
  });

  it('have a page for every client that the doctor replays, and the index leads to each', () => {
    const clients = pages.filter((page) => page.startsWith('docs/guides/clients/'));
    const index = read('docs/guides/connect-clients.md');
    for (const page of clients) expect(index).toContain(`(clients/${basename(page)})`);
    const text = clients.map(read).join('\n');
    const replayed = new Set(
      [...text.matchAll(/doctor --client ([^\n`]*)/g)].flatMap(([, ids = '']) => ids.split(' ')),
    );
    expect(SHAPES.map(({ id }) => id).filter((id) => !replayed.has(id))).toEqual([]);
  });

  it.each(pages)('%s leads to what is there', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    const near = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(near.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});
