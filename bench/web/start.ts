import { fork } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Lab } from '../lab.ts';
import { giveWay } from '../os/processes.ts';

/** The web of a benchmark, in a process of its own, and the way there. */
export interface Web {
  /** What `bench/servers/gatehouse-on-web.ts` is told. */
  readonly settings: string;
  stop(): Promise<void>;
}

export async function startWeb(lab: Lab): Promise<Web> {
  const script = fileURLToPath(new URL('../servers/web.ts', import.meta.url));
  const log = openSync(`${lab.directory}/web.log`, 'a');
  const child = fork(script, { execArgv: [], stdio: ['ignore', log, log, 'ipc'] });
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`the web ended with ${code}`);
  });
  died.catch(() => {});
  const [settings] = await Promise.race([once(child, 'message'), died]);
  if (child.pid !== undefined) giveWay(child.pid);
  return {
    settings: JSON.stringify(settings),
    async stop() {
      child.kill('SIGTERM');
      await died.catch(() => {});
    },
  };
}
