import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** What a program printed, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A computer account of one user, in which a client program runs as it was installed. */
export interface Home {
  readonly path: string;
  /** The environment of everything that runs in it; nothing of this process but the PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** The executable of an installed program. */
  bin(name: string): string;
  /** Runs a program to its end. @throws Error when it has not ended after `PROGRAM_TIMEOUT_MS`. */
  run(
    name: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
    stdin?: string,
  ): Promise<Ended>;
  /** The same for a program that wants a terminal; everything that it prints is in `stdout`. */
  runInTerminal(
    name: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<Ended>;
  /** Has something that belongs to this HOME ended when it is removed. */
  onRemove(end: () => Promise<void>): void;
  remove(): Promise<void>;
}

/** Longer than any program here needs for sign-in and consent on a busy machine. */
const PROGRAM_TIMEOUT_MS = 60_000;

/** Hands the address to the user, as a desktop does with a browser that is open already. */
const BROWSER = `#!${process.execPath}
const url = process.argv.slice(2).find((argument) => argument.startsWith('http'));
if (url) void fetch(process.env.GATEHOUSE_TEST_BROWSER, { method: 'POST', body: url });
`;

/**
 * Makes a HOME with a `BROWSER` that posts what it is given to `browserUrl`. It is `xdg-open` as well, which
 * some programs call by name, and there is no DISPLAY, with which others would start a browser themselves.
 */
export function createHome({
  browserUrl,
  packages = import.meta.dirname,
}: {
  readonly browserUrl: string;
  /** Folder of the package whose dependencies the programs are. */
  readonly packages?: string | undefined;
}): Home {
  const path = mkdtempSync(join(tmpdir(), 'gatehouse-program-'));
  const tools = join(path, 'bin');
  mkdirSync(tools);
  const browser = join(tools, 'browser');
  writeFileSync(browser, BROWSER, { mode: 0o755 });
  symlinkSync(browser, join(tools, 'xdg-open'));
  const env = {
    PATH: [tools, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    HOME: path,
    XDG_CONFIG_HOME: join(path, '.config'),
    XDG_DATA_HOME: join(path, '.local/share'),
    XDG_STATE_HOME: join(path, '.local/state'),
    XDG_CACHE_HOME: join(path, '.cache'),
    BROWSER: browser,
    GATEHOUSE_TEST_BROWSER: browserUrl,
    NO_COLOR: '1',
    TERM: 'dumb',
  };
  const bin = (name: string) => join(packages, 'node_modules/.bin', name);
  const ends: (() => Promise<void>)[] = [];
  const execute = async (
    [command = '', ...args]: readonly string[],
    more: Readonly<Record<string, string>>,
    stdin: string | undefined,
  ): Promise<Ended> => {
    const child = spawn(command, args, {
      cwd: path,
      env: { ...env, ...more },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: PROGRAM_TIMEOUT_MS,
    });
    // It may end without having read everything.
    child.stdin.on('error', () => {}).end(stdin);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (signal) throw new Error(`${command} ${args.join(' ')} ended by ${signal}:\n${stdout}\n${stderr}`);
    return { code, stdout, stderr };
  };
  return {
    path,
    env,
    bin,
    run: (name, args, more = {}, stdin = undefined) => execute([bin(name), ...args], more, stdin),
    runInTerminal: (name, args, more = {}) =>
      execute(['script', '-qec', [bin(name), ...args].join(' '), '/dev/null'], more, undefined),
    onRemove: (end) => void ends.push(end),
    async remove() {
      await Promise.all(ends.map((end) => end()));
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
