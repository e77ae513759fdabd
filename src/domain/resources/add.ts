import { AlreadyExists, InvalidInput } from '../../kernel/errors.ts';
import { DEFAULT_TENANT, hashSecret, newId, newSecret } from '../../kernel/ids.ts';
import type { Origin } from '../../kernel/origin.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';

import { canonicalizeResource } from './canonicalize.ts';
import type { Resource, ResourceScope, ResourceTool } from './resource.ts';
import { refuseScopeToken } from './scope-token.ts';
import { insertResource } from './store.ts';

export interface NewResource {
  /** `ten_default` when absent. */
  readonly tenantId?: string | undefined;
  readonly identifier: string;
  readonly name: string;
  /** At least one. */
  readonly scopes: readonly ResourceScope[];
  /** Every scope that is not destructive when absent. */
  readonly defaultScopes?: readonly string[] | undefined;
  readonly tools?: readonly ResourceTool[] | undefined;
  /** Whether clients that nobody vouches for may have anything here; they may when absent. */
  readonly admitsStrangers?: boolean | undefined;
  /** Makes the secret with which the resource introspects its own tokens. */
  readonly withSecret?: boolean | undefined;
}

export interface AddedResource {
  readonly resource: Resource;
  /** In the clear, this once; only its hash is kept. */
  readonly secret: string | undefined;
}

/**
 * Registers an MCP server to issue tokens for.
 *
 * @throws InvalidInput when the identifier, a scope or a tool cannot be; the message says how to mend it.
 * @throws AlreadyExists when the identifier is taken, in whatever spelling and by whatever tenant.
 */
export async function addResource(
  prisma: PrismaClient,
  input: NewResource,
  origin: Origin,
): Promise<AddedResource> {
  const secret = input.withSecret ? newSecret() : undefined;
  const resource = build(input, secret !== undefined);

  await prisma.$transaction(async (tx) => {
    if (!(await insertResource(tx, resource, secret === undefined ? undefined : hashSecret(secret)))) {
      throw new AlreadyExists(`A resource with the identifier ${resource.identifier} exists already.`);
    }
    await recordAudit(
      tx,
      {
        event: 'resource.added',
        outcome: 'success',
        tenant: resource.tenantId,
        resource: resource.identifier,
        scopes: resource.scopes.map(({ scope }) => scope),
        detail: {
          id: resource.id,
          with_secret: resource.hasSecret,
          admits_strangers: resource.admitsStrangers,
        },
      },
      origin,
    );
  });
  return { resource, secret };
}

function build(input: NewResource, hasSecret: boolean): Resource {
  const identifier = canonicalizeResource(input.identifier);
  if (identifier === undefined) {
    throw new InvalidInput(
      `"${input.identifier}" cannot identify a resource. Use the exact URL that clients type: https (http only on ` +
        'localhost, 127.0.0.1 or [::1]), without user, query, fragment, dot segments or encoded slashes.',
    );
  }
  const name = input.name.trim();
  if (name === '' || name.length > 200)
    throw new InvalidInput('A resource needs a name of 1 to 200 characters.');
  if (input.scopes.length === 0) throw new InvalidInput('A resource needs at least one scope.');

  const offered = new Set<string>();
  for (const { scope, description } of input.scopes) {
    const refusal = refuseScopeToken(scope);
    if (refusal !== undefined) throw new InvalidInput(refusal);
    if (offered.has(scope)) throw new InvalidInput(`The scope ${scope} is given twice.`);
    if (description.trim() === '')
      throw new InvalidInput(`The scope ${scope} needs a sentence for the consent page.`);
    offered.add(scope);
  }
  const defaultScopes =
    input.defaultScopes ?? input.scopes.filter((scope) => !scope.destructive).map(({ scope }) => scope);
  const tools = input.tools ?? [];
  for (const scope of [...defaultScopes, ...tools.flatMap((tool) => tool.scopes)]) {
    if (!offered.has(scope))
      throw new InvalidInput(`The scope ${scope} is used but not offered; add it to the scopes.`);
  }
  const repeated = tools.find(
    (tool, index) => tools.findIndex((other) => other.name === tool.name) !== index,
  );
  if (repeated) throw new InvalidInput(`The tool ${repeated.name} is given twice.`);

  return {
    id: newId('res'),
    tenantId: input.tenantId ?? DEFAULT_TENANT,
    identifier,
    name,
    defaultScopes: [...new Set(defaultScopes)],
    scopes: input.scopes.map((scope) => ({ ...scope, description: scope.description.trim() })),
    tools,
    admitsStrangers: input.admitsStrangers ?? true,
    hasSecret,
  };
}
