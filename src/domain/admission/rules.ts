import type { Cause } from '../../kernel/cause.ts';
import { InvalidInput, NotFound } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Prisma, PrismaClient } from '../../platform/database/generated/client.ts';
import { recordAudit } from '../audit/index.ts';
import { TRUST_LEVELS, type TrustLevel } from '../authority/index.ts';

import { highestTrust, type Pattern, parsePattern } from './pattern.ts';

/** One rule of a tenant: which clients that are named by a URL it lets in, and how far it trusts them. */
export interface Rule {
  /** `rul_…` */
  readonly id: string;
  readonly tenantId: string;
  readonly pattern: string;
  readonly kind: Pattern['kind'];
  readonly trust: TrustLevel;
  /** The entry of the catalogue that made it. */
  readonly catalogue: string | undefined;
  readonly createdAt: Date;
}

export interface NewRule {
  /** `ten_default` when absent. */
  readonly tenantId: string;
  /** As `parsePattern` reads it. */
  readonly pattern: string;
  /** `known` when absent, and `untrusted` for what names no more than a host. */
  readonly trust?: TrustLevel | undefined;
  readonly catalogue?: string | undefined;
}

/** What a rule says now, and what it said before: `undefined` when it is new. */
export interface SetRule {
  readonly pattern: string;
  readonly kind: Pattern['kind'];
  readonly trust: TrustLevel;
  readonly was: TrustLevel | undefined;
}

/**
 * Lets clients in, or keeps them out: a rule of the level `blocked` refuses what it matches, in every mode. A
 * rule of the same pattern is replaced. It counts from the commit on, also for those that are connected.
 *
 * @throws InvalidInput when the pattern cannot be read, or cannot give so much trust.
 */
export async function setRule(prisma: PrismaClient, rule: NewRule, cause: Cause): Promise<SetRule> {
  return prisma.$transaction((tx) => writeRule(tx, rule, cause));
}

/** `setRule`, in the transaction of the act that it is part of. */
export async function writeRule(
  tx: Prisma.TransactionClient,
  { tenantId, pattern: written, trust: asked, catalogue }: NewRule,
  cause: Cause,
): Promise<SetRule> {
  const pattern = parsePattern(written);
  const { text, kind, host, expression, specificity } = pattern;
  const highest = highestTrust(pattern);
  const trust = asked ?? lower('known', highest);
  if (lower(trust, highest) !== trust) {
    throw new InvalidInput(
      `${text} can be given ${highest} at most: everybody who can publish at that host could be any client there. Name the URL of the document, or a template of it whose first path segment is fixed; at hosts with many owners only the whole URL.`,
    );
  }
  const key = { tenantId_pattern: { tenantId, pattern: text } };
  const before = await tx.clientRule.findUnique({ where: key, select: { trust: true } });
  // What a rule says of itself stays with it when only its level is changed.
  const says = { host, expression, specificity, trust, ...(catalogue === undefined ? {} : { catalogue }) };
  await tx.clientRule.upsert({
    where: key,
    create: { id: newId('rul'), tenantId, pattern: text, ...says },
    update: says,
  });
  if (kind === 'url' && trust !== 'blocked') {
    // An administrator who names a client that was removed once wants it back; what it had stays ended.
    await tx.client.updateMany({
      where: { id: text, registration: 'document', removedAt: { not: null } },
      data: { removedAt: null },
    });
  }
  const was = (before?.trust as TrustLevel | undefined) ?? undefined;
  await recordAudit(
    tx,
    {
      event: 'rule.set',
      outcome: 'success',
      tenant: tenantId,
      ...(kind === 'url' ? { client: text } : {}),
      detail: { pattern: text, trust, ...(was ? { was } : {}), ...(catalogue ? { catalogue } : {}) },
    },
    cause,
  );
  return { pattern: text, kind, trust, was };
}

/**
 * Takes a rule away, named by its pattern. What it let in is judged by the other rules and by the mode from the
 * commit on.
 *
 * @throws NotFound when the tenant has no rule of that pattern.
 */
export async function removeRule(
  prisma: PrismaClient,
  { tenantId, pattern }: { readonly tenantId: string; readonly pattern: string },
  cause: Cause,
): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const { count } = await deleteRules(tx, { tenantId, pattern: { in: spellings(pattern) } }, cause);
    if (count === 0) throw new NotFound(`There is no rule for ${pattern}.`);
  });
}

/** Takes away every rule that matches, with one record each. */
export async function deleteRules(
  tx: Prisma.TransactionClient,
  where: Prisma.ClientRuleWhereInput,
  cause: Cause,
): Promise<{ readonly count: number }> {
  const rules = await tx.clientRule.findMany({ where });
  for (const { id, tenantId, pattern, trust } of rules) {
    const { count } = await tx.clientRule.deleteMany({ where: { id } });
    if (count === 0) continue;
    await recordAudit(
      tx,
      { event: 'rule.removed', outcome: 'success', tenant: tenantId, detail: { pattern, trust } },
      cause,
    );
  }
  return { count: rules.length };
}

/** The rules of a tenant, by host and pattern. */
export async function listRules(
  prisma: PrismaClient,
  { tenantId }: { readonly tenantId: string },
): Promise<readonly Rule[]> {
  const rows = await prisma.clientRule.findMany({
    where: { tenantId },
    orderBy: [{ host: 'asc' }, { pattern: 'asc' }],
  });
  return rows.map(({ id, tenantId: tenant, pattern, trust, catalogue, createdAt }) => ({
    id,
    tenantId: tenant,
    pattern,
    kind: parsePattern(pattern).kind,
    trust: trust as TrustLevel,
    catalogue: catalogue ?? undefined,
    createdAt,
  }));
}

/** A host is kept without the slash that may have been written behind it. */
function spellings(pattern: string): string[] {
  return [pattern, pattern.replace(/\/$/, '')];
}

function lower(one: TrustLevel, other: TrustLevel): TrustLevel {
  return TRUST_LEVELS.indexOf(one) <= TRUST_LEVELS.indexOf(other) ? one : other;
}
