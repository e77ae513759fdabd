import type { Cause } from '../../kernel/cause.ts';
import { AlreadyExists, InvalidInput } from '../../kernel/errors.ts';
import { hashSecret, newId, newSecret } from '../../kernel/ids.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';
import { permitMembers } from '../tenants/index.ts';

import { canonicalizeResource } from './canonicalize.ts';
import { refuseDestructiveDefaults, refuseScope } from './checks.ts';
import type { Resource, ResourceScope, ResourceTool } from './resource.ts';
import { insertResource, type ResourceToInsert } from './store.ts';

export interface NewResource {
  readonly tenantId: string;
  readonly identifier: string;
  readonly name: string;
  /** At least one. */
  readonly scopes: readonly ResourceScope[];
  /** Every scope that is not destructive when absent; never a destructive one. */
  readonly defaultScopes?: readonly string[] | undefined;
  readonly tools?: readonly ResourceTool[] | undefined;
  /** Whether clients that nobody vouches for may have anything here; they may when absent. */
  readonly admitsStrangers?: boolean | undefined;
  /** Whether the role `member` of the tenant is permitted every scope here; it is when absent. */
  readonly permitsMembers?: boolean | undefined;
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
 * @throws InvalidInput when the identifier, a scope, a default scope or a tool is not valid; the message says
 * how to correct it.
 * @throws AlreadyExists when the identifier is taken, in whatever spelling and by whatever tenant.
 */
export async function addResource(
  prisma: PrismaClient,
  input: NewResource,
  cause: Cause,
): Promise<AddedResource> {
  const secret = input.withSecret ? newSecret() : undefined;
  const toInsert = build(input, secret === undefined ? undefined : hashSecret(secret));

  const resource = await prisma.$transaction(async (tx) => {
    const inserted = await insertResource(tx, toInsert);
    if (!inserted) {
      throw new AlreadyExists(`A resource with the identifier ${toInsert.identifier} exists already.`);
    }
    refuseDestructiveDefaults(inserted);
    const { tenantId, id: resourceId } = inserted;
    const members = input.permitsMembers !== false && (await permitMembers(tx, { tenantId, resourceId }));
    await recordAudit(
      tx,
      {
        event: 'resource.added',
        outcome: 'success',
        tenant: inserted.tenantId,
        resource: inserted.identifier,
        scopes: inserted.scopes.map(({ scope }) => scope),
        detail: {
          id: inserted.id,
          with_secret: inserted.hasSecret,
          admits_strangers: inserted.admitsStrangers,
          members,
        },
      },
      cause,
    );
    return inserted;
  });
  return { resource, secret };
}

function build(input: NewResource, secretHash: Buffer | undefined): ResourceToInsert {
  const identifier = canonicalizeResource(input.identifier);
  if (identifier === undefined) {
    throw new InvalidInput(
      `"${input.identifier}" cannot identify a resource. Use the exact URL that clients type: https (http only on ` +
        'localhost, 127.0.0.1 or [::1]), without user, query, fragment, dot segments or encoded slashes.',
    );
  }
  if (identifier !== input.identifier) {
    throw new InvalidInput(
      `Register the identifier as ${identifier}: tokens and metadata write it so, and the MCP server must be ` +
        'configured with the same string.',
    );
  }
  const name = input.name.trim();
  if (name === '' || name.length > 200)
    throw new InvalidInput('A resource needs a name of 1 to 200 characters.');
  if (input.scopes.length === 0) throw new InvalidInput('A resource needs at least one scope.');

  const offered = new Set<string>();
  for (const { scope, description } of input.scopes) {
    refuseScope(scope, description);
    if (offered.has(scope)) throw new InvalidInput(`The scope ${scope} is given twice.`);
    offered.add(scope);
  }
  const { defaultScopes } = input;
  const tools = input.tools ?? [];
  for (const scope of [...(defaultScopes ?? []), ...tools.flatMap((tool) => tool.scopes)]) {
    if (!offered.has(scope))
      throw new InvalidInput(`The scope ${scope} is used but not offered; add it to the scopes.`);
  }

  return {
    id: newId('res'),
    tenantId: input.tenantId,
    identifier,
    name,
    defaultScopes: defaultScopes && [...new Set(defaultScopes)],
    scopes: input.scopes.map((scope) => ({ ...scope, description: scope.description.trim() })),
    tools,
    admitsStrangers: input.admitsStrangers ?? true,
    secretHash,
  };
}
