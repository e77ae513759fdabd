import { InvalidInput } from '../../kernel/errors.ts';

import type { Resource } from './resource.ts';
import { refuseScopeToken } from './scope-token.ts';

/** @throws InvalidInput when a scope cannot be offered, or has no sentence for the consent page. */
export function refuseScope(scope: string, description: string): void {
  const refusal = refuseScopeToken(scope);
  if (refusal !== undefined) throw new InvalidInput(refusal);
  if (description.trim() === '')
    throw new InvalidInput(`The scope ${scope} needs a sentence for the consent page.`);
}

/** @throws InvalidInput when a default scope is destructive: clients would request it without naming it. */
export function refuseDestructiveDefaults({ scopes, defaultScopes, tools }: Resource): void {
  const refused = scopes.find(({ scope, destructive }) => destructive && defaultScopes.includes(scope));
  if (!refused) return;
  const tool = tools.find((each) => each.effect === 'destructive' && each.scopes.includes(refused.scope));
  throw new InvalidInput(
    `The scope ${refused.scope} is destructive (${tool ? `the tool ${tool.name} needs it` : 'it is flagged so'}) ` +
      'and cannot be a default scope. Leave it out of the default scopes; clients request it by name.',
  );
}
