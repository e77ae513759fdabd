import { freePort } from '../support/free-port.ts';

import type { Program } from './client-program.ts';
import { inspector } from './inspector.ts';
import { mcpRemote } from './mcp-remote.ts';
import { mcporter } from './mcporter.ts';

export const mcpRemoteProgram: Program = {
  name: 'mcp-remote',
  catalogued: 'mcp-remote',
  install: async (home, resource, options) => mcpRemote(home, resource, options),
};

/** The programs of every run. Each comes back to a port of its own, so that suites can run side by side. */
const PROGRAMS: readonly Program[] = [
  mcpRemoteProgram,
  {
    name: 'the Inspector command line',
    catalogued: 'inspector',
    install: async (home, resource, options) =>
      inspector(home, resource, `http://127.0.0.1:${await freePort()}/oauth/callback`, options),
  },
  {
    name: 'mcporter',
    catalogued: undefined,
    install: async (home, resource, options) =>
      mcporter(home, resource, `http://127.0.0.1:${await freePort()}/callback`, options),
  },
];

/** The same for `it.each`, with the name for the title. */
export const EACH_PROGRAM = PROGRAMS.map((program) => [program.name, program] as const);
