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
