import { z } from 'zod';
import { InvalidInput } from '../../kernel/errors.ts';

import { type ResourceTool, TOOL_EFFECTS } from './resource.ts';

const Tools = z.array(
  z.strictObject({
    name: z.string().min(1).max(128),
    title: z.string().min(1).max(200),
    scopes: z.array(z.string()),
    effect: z.enum(TOOL_EFFECTS),
  }),
);

/**
 * Reads a tool catalogue: a JSON array of `{name, title, scopes, effect}`.
 *
 * @throws InvalidInput naming every entry that does not fit.
 */
export function parseTools(value: unknown): readonly ResourceTool[] {
  const parsed = Tools.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'tools'}: ${issue.message}`);
  throw new InvalidInput(
    `The tool catalogue is a JSON array of {name, title, scopes: [..], effect: "read"|"write"|"destructive"}: ${faults.join('; ')}`,
  );
}
