/** An MCP client program of another maker, seen by what its user does with it. Every act is a process of its own. */
export interface ClientProgram {
  /** Signs in, by the user's browser, where the program has a command for that alone; else by its first list. */
  login(): Promise<void>;
  /** The tools that it offers to its user or model. */
  tools(): Promise<readonly string[]>;
  /** Calls a tool and returns the text of its result. @throws Error with what the program printed, when it does not succeed. */
  call(tool: string, input: Readonly<Record<string, string>>): Promise<string>;
}
