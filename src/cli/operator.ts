import { userInfo } from 'node:os';

import type { Cause } from '../kernel/cause.ts';
import { newId } from '../kernel/ids.ts';

/** Returns the cause of what a command does: the operating system's user, and a request of its own. */
export function byCommandLine(): Cause {
  return { requestId: newId('req'), actor: { type: 'command_line', id: operator() } };
}

/** Returns the name of the user that runs this process, or its number where the system has no name for it. */
function operator(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
