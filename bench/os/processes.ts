import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Clock ticks of /proc/<pid>/stat in one second; the same on every Linux since 2.6. */
const TICKS = 100;

/**
 * CPU time that a process has used so far, user and system, in microseconds: every thread, by the
 * scheduler's nanoseconds where the kernel counts them, else by /proc/<pid>/stat and its 10 ms.
 */
export function cpuOf(pid: number): number {
  try {
    let nanoseconds = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ', 1)[0]);
    }
    if (nanoseconds > 0) return nanoseconds / 1000;
  } catch {
    // No such count, or a thread that ended just now.
  }
  const { utime, stime } = statOf(pid);
  return ((utime + stime) / TICKS) * 1e6;
}

/** The same of a process, its living children, and those that it has seen end: a whole PostgreSQL. */
export function cpuOfFamily(pid: number): number {
  const { cutime, cstime } = statOf(pid);
  const living = [pid, ...childrenOf(pid)].map((member) => {
    try {
      return cpuOf(member);
    } catch {
      return 0;
    }
  });
  return living.reduce((sum, one) => sum + one, ((cutime + cstime) / TICKS) * 1e6);
}

/** Milliseconds that other machines of the same host have taken from our processors so far, all together. */
export function stolenMs(): number {
  const [, , , , , , , , , stolen] = readFileSync('/proc/stat', 'utf8').split(' ', 10);
  return (Number(stolen) / TICKS) * 1000;
}

/** For what is on other machines in life, and must not take the processors of the server that is measured. */
export function giveWay(pid: number): void {
  setPriority(pid, 15);
}

/** Resident memory of a process, in bytes. */
export function residentOf(pid: number): number {
  return kilobytes(`/proc/${pid}/status`, 'VmRSS') * 1024;
}

/** Memory of a process and its children in bytes, what they share counted once. */
export function memoryOfFamily(pid: number): number {
  return [pid, ...childrenOf(pid)]
    .map((member) => {
      try {
        return kilobytes(`/proc/${member}/smaps_rollup`, 'Pss') * 1024;
      } catch {
        return 0;
      }
    })
    .reduce((sum, one) => sum + one, 0);
}

/** Living children of a process. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        return statOf(candidate).ppid === pid;
      } catch {
        return false;
      }
    });
}

/** The name of a process's program. */
export function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}

function statOf(pid: number) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name stands in parentheses and may contain anything, so the fields are counted from its end.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [ppid = 0, utime = 0, stime = 0, cutime = 0, cstime = 0] = [1, 11, 12, 13, 14].map((at) =>
    Number(fields[at]),
  );
  return { ppid, utime, stime, cutime, cstime };
}

function kilobytes(file: string, name: string): number {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}:`));
  return Number(/\d+/.exec(line ?? '')?.[0] ?? Number.NaN);
}
