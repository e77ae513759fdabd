/** What calling a tool does to the world outside the conversation. */
export type Effect = 'read' | 'write' | 'destructive';

/** One tool, as a person at consent, the authorization server and the guard see it. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** All of them are needed to call it. */
  readonly scopes: readonly Scope[];
  readonly effect: Effect;
}

export type Scope = 'files:read' | 'files:write' | 'files:delete';

/** What each scope means, in the words that a person reads at consent. */
export const scopes: Readonly<Record<Scope, string>> = {
  'files:read': 'Read and search your files',
  'files:write': 'Create and change files',
  'files:delete': 'Delete files',
};

/** The tools of Team Files: the one list from which the server, its guard and the consent page are made. */
export const tools = [
  {
    name: 'list_files',
    title: 'List files',
    description: 'Lists the files in a folder and below it.',
    scopes: ['files:read'],
    effect: 'read',
  },
  {
    name: 'read_file',
    title: 'Read a file',
    description: 'Returns the text of one file.',
    scopes: ['files:read'],
    effect: 'read',
  },
  {
    name: 'search_files',
    title: 'Search files',
    description: 'Finds the lines that contain a text, in all files.',
    scopes: ['files:read'],
    effect: 'read',
  },
  {
    name: 'write_file',
    title: 'Write a file',
    description: 'Creates a file, or replaces its text.',
    scopes: ['files:write'],
    effect: 'write',
  },
  {
    name: 'delete_file',
    title: 'Delete a file',
    description: 'Deletes one file for good.',
    scopes: ['files:delete'],
    effect: 'destructive',
  },
] as const satisfies readonly Tool[];

export type ToolName = (typeof tools)[number]['name'];

/**
 * Team Files as a protected resource: what an authorization server registers about it.
 *
 * `files:delete` needs no flag: the authorization server sees that a destructive tool needs it, and grants it
 * to no untrusted client.
 */
export const teamFiles = {
  name: 'Team Files',
  scopes,
  defaultScopes: ['files:read'],
  tools,
} as const satisfies {
  readonly name: string;
  readonly scopes: Readonly<Record<Scope, string>>;
  readonly defaultScopes: readonly Scope[];
  readonly tools: readonly Tool[];
};
