import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The first process of a cluster, by its note. */
export function postmasterOf(cluster: string): number {
  return Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** A process and all that descend from it. */
export function familyOf(pid: number): readonly number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  const family = [pid];
  for (const parent of family) {
    family.push(...pairs.flatMap(([child, of]) => (of === parent && child !== undefined ? [child] : [])));
  }
  return family;
}

/** Sends a signal to everybody who is still there. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {}
  }
}

/** Where a run keeps its data: a disk of its own that can be filled where that is possible, else a directory. */
export interface Disk {
  readonly directory: string;
  /** Takes every byte that is free; absent where the disk is everybody's. */
  readonly fill: (() => void) | undefined;
  empty(): void;
  remove(): void;
}

/** @param megabytes of a disk in memory; it takes root to mount one. Without it, a directory. */
export function createDisk(megabytes: number | undefined): Disk {
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-faults-'));
  // PostgreSQL runs as somebody else when we are root, who has to come in here.
  chmodSync(root, 0o755);
  const isOwn =
    megabytes !== undefined &&
    process.getuid?.() === 0 &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', root]).status === 0;
  const ballast = join(root, 'ballast');
  const directory = join(root, 'data');
  mkdirSync(directory, { mode: 0o755 });
  return {
    directory,
    fill: isOwn ? () => fillUp(ballast) : undefined,
    empty: () => rmSync(ballast, { force: true }),
    remove() {
      rmSync(directory, { recursive: true, force: true });
      rmSync(ballast, { force: true });
      if (isOwn) spawnSync('umount', [root]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function fillUp(file: string): void {
  const descriptor = openSync(file, 'a');
  try {
    for (let size = 1 << 20; size >= 512; size >>= 1) {
      const block = Buffer.alloc(size);
      try {
        while (writeSync(descriptor, block) === size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
