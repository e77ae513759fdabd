import { z } from 'zod';
import { InvalidInput } from '../../kernel/errors.ts';

import { type ResourceTool, TOOL_EFFECTS } from './resource.ts';

const Tools = z.array(
  z.strictObject({
    name: z.string().min(1).max(128),
    title: z.string().min(1).max(200),
    scopes: z.array(z.string()),
    effect: z.enum(TOOL_EFFECTS),
    /** For the MCP server, which may read the same file. */
    description: z.string().optional(),
  }),
);

/**
 * Reads a tool catalogue: a JSON array of `{name, title, scopes, effect}`. A `description` may stand beside them
 * and is ignored, so that one file serves the MCP server, its guard and the command line.
 *
 * @throws InvalidInput naming every entry that does not fit.
 */
export function parseTools(value: unknown): readonly ResourceTool[] {
  const parsed = Tools.safeParse(value);
  if (parsed.success) return parsed.data.map(({ description: _, ...tool }) => tool);
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'tools'}: ${issue.message}`);
  throw new InvalidInput(
    `The tool catalogue is a JSON array of {name, title, scopes: [..], effect: "read"|"write"|"destructive"}: ${faults.join('; ')}`,
  );
}
