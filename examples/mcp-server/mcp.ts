import { filterTools, type VerifiedToken } from '@gatehouse-mcp/verifier';
import { type CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

import type { Files } from './files.ts';
import { type Effect, type ToolName, teamFiles, tools } from './tools.ts';

const path = z
  .string()
  .min(1)
  .max(200)
  .refine((value) => value.split('/').every(isSegment), 'not a path of the form folder/file.md')
  .describe('For example plans/launch.md');
const MAX_TEXT = 64 * 1024;

const inputs = {
  list_files: z.object({ folder: z.string().max(200).default('').describe('All folders when left out') }),
  read_file: z.object({ path }),
  search_files: z.object({ text: z.string().min(1).max(200) }),
  write_file: z.object({ path, text: z.string().max(MAX_TEXT) }),
  delete_file: z.object({ path }),
} satisfies Readonly<Record<ToolName, z.ZodType>>;

const annotations: Readonly<Record<Effect, { readOnlyHint: boolean; destructiveHint: boolean }>> = {
  read: { readOnlyHint: true, destructiveHint: false },
  write: { readOnlyHint: false, destructiveHint: false },
  destructive: { readOnlyHint: false, destructiveHint: true },
};

/**
 * An MCP server for one request, with the tools that the token allows and the files of its subject.
 *
 * Nothing is kept between requests: whose files they are is decided by the token of each request,
 * never by a session that somebody else could name.
 */
export function createMcpServer(token: VerifiedToken, files: Files): McpServer {
  const server = new McpServer({ name: 'team-files', title: teamFiles.name, version: '1.0.0' });
  const run = handlers(files);
  for (const { name, title, description, effect } of filterTools(tools, token)) {
    const config = { title, description, inputSchema: inputs[name], annotations: annotations[effect] };
    server.registerTool(name, config, (input: unknown) => run[name](input as never));
  }
  return server;
}

function isSegment(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[\\\0]/.test(name);
}

type Handlers = { readonly [N in ToolName]: (input: z.output<(typeof inputs)[N]>) => CallToolResult };

function handlers(files: Files): Handlers {
  return {
    list_files: ({ folder }) => text(files.list(folder).join('\n') || 'No files'),
    read_file: ({ path }) => {
      const content = files.read(path);
      return content === undefined ? missing(path) : text(content);
    },
    search_files: (input) => text(files.search(input.text).join('\n') || 'Nothing found'),
    write_file: (input) =>
      files.write(input.path, input.text)
        ? text(`Written: ${input.path}`)
        : failed('There is no room for another file'),
    delete_file: ({ path }) => (files.remove(path) ? text(`Deleted: ${path}`) : missing(path)),
  };
}

function text(content: string): CallToolResult {
  return { content: [{ type: 'text', text: content }] };
}

function failed(reason: string): CallToolResult {
  return { ...text(reason), isError: true };
}

function missing(path: string): CallToolResult {
  return failed(`There is no file ${path}`);
}
