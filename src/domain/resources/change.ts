import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput, NotFound } from '../../kernel/errors.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';

import { recordAudit } from '../audit/index.ts';
import { forbidMembers, permitMembers } from '../tenants/index.ts';

import { refuseDestructiveDefaults, refuseScope } from './checks.ts';
import type { Resource, ResourceTool } from './resource.ts';
import { lockResource, readResource, replaceTools } from './store.ts';

/** What to change of a resource; what is absent stays. */
export interface ResourceChange {
  readonly name?: string | undefined;
  /** Scopes to add, or whose sentence to change. */
  readonly scopes?: readonly { readonly scope: string; readonly description: string }[] | undefined;
  readonly removeScopes?: readonly string[] | undefined;
  /** Replaces the default scopes. */
  readonly defaultScopes?: readonly string[] | undefined;
  /** Scopes to flag as destructive, and scopes whose flag to remove. */
  readonly flag?: readonly string[] | undefined;
  readonly unflag?: readonly string[] | undefined;
  /** Whether the role `member` of the tenant is permitted every scope here. */
  readonly permitsMembers?: boolean | undefined;
  /** Replaces the tool catalogue. */
  readonly tools?: readonly ResourceTool[] | undefined;
}

/** A resource before and after a change. */
export interface ChangedResource {
  readonly before: Resource;
  readonly after: Resource;
  /** What changed, for the audit record and the command line; empty when nothing did. */
  readonly changes: ResourceDifference;
}

export interface ResourceDifference {
  readonly name?: string;
  readonly scopes_added?: readonly string[];
  readonly scopes_removed?: readonly string[];
  readonly sentences_changed?: readonly string[];
  readonly destructive?: readonly string[];
  readonly no_longer_destructive?: readonly string[];
  readonly default_scopes?: readonly string[];
  /** What the role `member` is permitted from now on. */
  readonly members?: 'every scope' | 'nothing';
  readonly tools_added?: readonly string[];
  readonly tools_removed?: readonly string[];
  readonly tools_changed?: readonly string[];
}

/**
 * Changes a resource, named by its id or identifier, and records what changed.
 *
 * A grant that holds a removed scope keeps it unused: its next token no longer carries the scope, and adding
 * the scope again gives it back. A scope that is removed or becomes destructive leaves the default scopes.
 *
 * @throws NotFound when no resource of that name is registered.
 * @throws InvalidInput when the changed resource would not be valid; nothing is changed then.
 */
export async function changeResource(
  prisma: PrismaClient,
  name: string,
  change: ResourceChange,
  cause: Cause,
): Promise<ChangedResource> {
  return prisma.$transaction(async (tx) => {
    const id = await lockResource(tx, name);
    const before = id === undefined ? undefined : await readResource(tx, id);
    if (!before) throw new NotFound(`No resource ${name} is registered.`);
    await apply(tx, before, change);
    await settleDefaults(tx, before, change.defaultScopes);
    const after = (await readResource(tx, before.id)) ?? before;
    refuseUnsound(after);
    const changes = { ...differenceOf(before, after), ...(await changeMembers(tx, before, change)) };
    if (Object.keys(changes).length > 0) {
      await recordAudit(
        tx,
        {
          event: 'resource.changed',
          outcome: 'success',
          tenant: after.tenantId,
          resource: after.identifier,
          scopes: after.scopes.map(({ scope }) => scope),
          detail: { id: after.id, ...changes },
        },
        cause,
      );
    }
    return { before, after, changes };
  });
}

async function changeMembers(
  tx: Prisma.TransactionClient,
  { id: resourceId, tenantId }: Resource,
  { permitsMembers }: ResourceChange,
): Promise<Pick<ResourceDifference, 'members'>> {
  if (permitsMembers === undefined) return {};
  const changed = await (permitsMembers ? permitMembers : forbidMembers)(tx, { tenantId, resourceId });
  return changed ? { members: permitsMembers ? 'every scope' : 'nothing' } : {};
}

async function apply(tx: Prisma.TransactionClient, before: Resource, change: ResourceChange): Promise<void> {
  const { id: resourceId } = before;
  const { scopes = [], removeScopes = [], flag = [], unflag = [], tools } = change;
  for (const { scope, description } of scopes) {
    refuseScope(scope, description);
    if (removeScopes.includes(scope)) throw new InvalidInput(`The scope ${scope} is both set and removed.`);
    const position = before.scopes.length + scopes.findIndex((each) => each.scope === scope);
    await tx.resourceScope.upsert({
      where: { resourceId_scope: { resourceId, scope } },
      create: { resourceId, scope, description: description.trim(), position },
      update: { description: description.trim() },
    });
  }
  for (const scope of removeScopes) {
    const { count } = await tx.resourceScope.deleteMany({ where: { resourceId, scope } });
    if (count === 0) throw notOffered(scope);
  }
  for (const [list, destructive] of [
    [flag, true],
    [unflag, false],
  ] as const) {
    for (const scope of list) {
      const { count } = await tx.resourceScope.updateMany({
        where: { resourceId, scope },
        data: { destructive },
      });
      if (count === 0) throw notOffered(scope);
    }
  }
  if (tools) await replaceTools(tx, resourceId, tools);
  if (change.name !== undefined) {
    await tx.resource.update({ where: { id: resourceId }, data: { name: change.name.trim() } });
  }
}

/** Writes the given default scopes, or keeps those that are still offered and not destructive. */
async function settleDefaults(
  tx: Prisma.TransactionClient,
  { id, defaultScopes }: Resource,
  given: readonly string[] | undefined,
): Promise<void> {
  const { scopes = [] } = (await readResource(tx, id)) ?? {};
  const unknown = given?.find((name) => !scopes.some(({ scope }) => scope === name));
  if (unknown !== undefined) throw notOffered(unknown);
  const harmless = new Set(scopes.filter(({ destructive }) => !destructive).map(({ scope }) => scope));
  const kept = given ?? defaultScopes.filter((scope) => harmless.has(scope));
  await tx.resource.update({ where: { id }, data: { defaultScopes: [...new Set(kept)] } });
}

function refuseUnsound(resource: Resource): void {
  const { name, scopes, tools } = resource;
  if (name === '' || name.length > 200)
    throw new InvalidInput('A resource needs a name of 1 to 200 characters.');
  if (scopes.length === 0) throw new InvalidInput('A resource needs at least one scope.');
  const offered = new Set(scopes.map(({ scope }) => scope));
  for (const tool of tools) {
    const missing = tool.scopes.find((scope) => !offered.has(scope));
    if (missing !== undefined) {
      throw new InvalidInput(
        `The tool ${tool.name} needs the scope ${missing}, which is not offered. Change the tools in the same step.`,
      );
    }
  }
  refuseDestructiveDefaults(resource);
}

function notOffered(scope: string): InvalidInput {
  return new InvalidInput(`The scope ${scope} is not offered.`);
}

/** Returns what differs; a list that would be empty is left out. */
function differenceOf(before: Resource, after: Resource): ResourceDifference {
  const names = (resource: Resource) => resource.scopes.map(({ scope }) => scope);
  const destructive = ({ scopes }: Resource) =>
    scopes.filter((scope) => scope.destructive).map(({ scope }) => scope);
  const tools = (resource: Resource) => resource.tools.map((tool) => tool.name);
  const without = (list: readonly string[], other: readonly string[]) =>
    list.filter((entry) => !other.includes(entry));
  const sentence = (resource: Resource, name: string) =>
    resource.scopes.find(({ scope }) => scope === name)?.description;
  const definition = (resource: Resource, name: string) =>
    JSON.stringify(resource.tools.find((tool) => tool.name === name));
  const kept = names(after).filter((scope) => names(before).includes(scope));
  const keptTools = tools(after).filter((tool) => tools(before).includes(tool));
  const sameDefaults = before.defaultScopes.join(' ') === after.defaultScopes.join(' ');
  const lists = {
    scopes_added: without(names(after), names(before)),
    scopes_removed: without(names(before), names(after)),
    sentences_changed: kept.filter((scope) => sentence(before, scope) !== sentence(after, scope)),
    destructive: without(destructive(after), destructive(before)),
    no_longer_destructive: without(destructive(before), destructive(after)).filter((scope) =>
      kept.includes(scope),
    ),
    tools_added: without(tools(after), tools(before)),
    tools_removed: without(tools(before), tools(after)),
    tools_changed: keptTools.filter((tool) => definition(before, tool) !== definition(after, tool)),
  };
  return {
    ...(before.name === after.name ? {} : { name: after.name }),
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(sameDefaults ? {} : { default_scopes: after.defaultScopes }),
  };
}
