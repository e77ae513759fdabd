import type { Home } from './home.ts';

/** An MCP client program of another maker, seen by what its user does with it. Every act is a process of its own. */
export interface ClientProgram {
  /** Signs in, by the user's browser, where the program has a command for that alone; else by its first list. */
  login(): Promise<void>;
  /** Makes it forget its sign-in, as its guide says, and signs in again. */
  relogin(): Promise<void>;
  /** The tools that it offers to its user or model. */
  tools(): Promise<readonly string[]>;
  /** Calls a tool and returns the text of its result. @throws Error with what the program printed, when it does not succeed. */
  call(tool: string, input: Readonly<Record<string, string>>): Promise<string>;
}

/** What a program is configured with beside the address of the MCP server. */
export interface ProgramOptions {
  /** Of a client that was registered for it; without one it registers itself. */
  readonly clientId?: string | undefined;
}

/** A program that can be installed for one MCP server. */
export interface Program {
  /** Stands in titles. */
  readonly name: string;
  /** As `gatehouse client catalogue` calls it; `undefined` for one that it does not have. */
  readonly catalogued: string | undefined;
  /** Configures it in a HOME. */
  install(home: Home, resource: string, options: ProgramOptions): Promise<ClientProgram>;
}
