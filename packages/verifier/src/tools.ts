import { isObject } from './claims.ts';
import { requireScopes, type ScopeHierarchy } from './scopes.ts';
import type { VerifiedToken } from './token.ts';

/** One entry of a tool catalogue: a tool and the scopes that calling it takes, all of them. */
export interface CatalogueTool {
  readonly name: string;
  readonly scopes: readonly string[];
}

/** The tools of a catalogue that the token may call: what `tools/list` should show its bearer. */
export function filterTools<T extends CatalogueTool>(
  tools: readonly T[],
  token: Pick<VerifiedToken, 'scopes'>,
  hierarchy?: ScopeHierarchy,
): readonly T[] {
  return tools.filter((tool) => requireScopes(token, tool.scopes, hierarchy).allowed);
}

/** What the tool calls in a JSON-RPC body take together. */
export interface ToolCalls {
  /** The union of the scopes of every tool that is called. */
  readonly scopes: readonly string[];
  /** Whether a tool is called that the catalogue does not have, or none by name. */
  readonly unknown: boolean;
}

/** Reads the tool calls out of one JSON-RPC message or a batch (which revision 2025-03-26 allows). */
export function createCallReader(tools: readonly CatalogueTool[]): (body: unknown) => ToolCalls {
  const catalogue = new Map(tools.map((tool) => [tool.name, tool.scopes]));
  return (body) => {
    const scopes = new Set<string>();
    let unknown = false;
    for (const message of Array.isArray(body) ? body : [body]) {
      if (!isObject(message) || message['method'] !== 'tools/call') continue;
      const needed = catalogue.get(nameOf(message['params']));
      unknown ||= needed === undefined;
      for (const scope of needed ?? []) scopes.add(scope);
    }
    return { scopes: [...scopes], unknown };
  };
}

function nameOf(params: unknown): string {
  const name = isObject(params) ? params['name'] : undefined;
  return typeof name === 'string' ? name : '';
}
