import cluster, { type Worker } from 'node:cluster';
import { getCompileCacheDir } from 'node:module';
import { fileURLToPath } from 'node:url';

import type { Member } from './fleet.ts';
import { ask, LEAVE, type Question } from './messages.ts';

const PROGRAM = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** A worker that can be asked. */
export interface WorkerMember extends Member {
  ask(question: Question): Promise<string>;
}

/** Starts a worker: a process that shares the listeners of this one. It reads its own configuration. */
export function forkWorker(): WorkerMember {
  cluster.setupPrimary({ exec: PROGRAM, args: [] });
  const cache = getCompileCacheDir();
  // What this process keeps of the compiled source is the same for a worker.
  const worker = cluster.fork(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache });
  let listens = false;
  const gone = new Promise<string>((resolve) => {
    worker.once('exit', (code, signal) => {
      listens = false;
      resolve(signal ?? `exit code ${code}`);
    });
  });
  const listening = new Promise<true>((resolve) => {
    worker.once('listening', () => {
      listens = true;
      resolve(true);
    });
  });
  // What could not be sent is found out by its end.
  worker.on('error', () => undefined);

  return {
    pid: worker.process.pid ?? 0,
    listening: Promise.race([listening, gone.then(() => false)]),
    gone,
    isListening: () => listens,
    responds: (ms) =>
      ask(worker, 'alive', ms).then(
        () => true,
        () => false,
      ),
    leave() {
      listens = false;
      tell(worker, LEAVE);
    },
    kill: () => void worker.process.kill('SIGKILL'),
    ask: (question) => ask(worker, question),
  };
}

function tell(worker: Worker, message: string): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
