import { newId } from './ids.ts';
import type { Origin } from './origin.ts';

/**
 * Who does something: the party that proved itself, or `anonymous` for a request that proved nothing. What a request
 * only claims (a client_id, an e-mail address) is no actor.
 *
 * - `user`: a person, by a session, a sign-in or a one-time link of theirs.
 * - `client`: a client that authenticated itself, or that presents what was issued to it.
 * - `command_line`: a command; the id is the name of the operating system's user.
 * - `housekeeping`: this program by itself; the id names the task.
 */
export type Actor =
  | { readonly type: 'user' | 'client' | 'command_line' | 'housekeeping'; readonly id: string }
  | { readonly type: 'anonymous'; readonly id?: undefined };

/** Why something changes: who does it, and in which request. Each audit record carries one. */
export interface Cause extends Origin {
  readonly actor: Actor;
}

/** Returns the cause of what a request does that proved nothing. */
export function anonymously(origin: Origin): Cause {
  return { ...origin, actor: { type: 'anonymous' } };
}

/** Returns the cause of what a person does. */
export function byUser(userId: string, origin: Origin): Cause {
  return { ...origin, actor: { type: 'user', id: userId } };
}

/** Returns the cause of what a client does. */
export function byClient(clientId: string, origin: Origin): Cause {
  return { ...origin, actor: { type: 'client', id: clientId } };
}

/** Returns the cause of what this program does by itself; `task` names it, for example `key-rotation`. */
export function byHousekeeping(task: string): Cause {
  return { requestId: newId('req'), actor: { type: 'housekeeping', id: task } };
}
