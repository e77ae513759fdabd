import type { Cause } from '../../kernel/cause.ts';
import { GATEHOUSE } from '../../kernel/command-line.ts';
import { NotFound } from '../../kernel/errors.ts';
import type { PrismaClient } from '../../platform/database/generated/client.ts';
import type { TrustLevel } from '../authority/index.ts';
import { addClient, changeRedirectUris, type RemoveClientDeps, removeClient } from '../clients/index.ts';

import { CATALOGUE, type CatalogueEntry, catalogueEntry, documentsOf } from './catalogue.ts';
import { deleteRules, writeRule } from './rules.ts';

/** An entry of the catalogue, and what was made of it here. */
export interface CatalogueStatus {
  readonly entry: CatalogueEntry;
  readonly enabled: boolean;
  /** Of the client that was registered for it. */
  readonly clientId: string | undefined;
}

/** What switching a client on made. */
export interface Enabled extends CatalogueStatus {
  /** In the clear, this once; only its hash is kept. */
  readonly clientSecret: string | undefined;
}

/** Every entry, in the order of the catalogue. */
export async function catalogueStatus(
  prisma: PrismaClient,
  { tenantId }: { readonly tenantId: string },
): Promise<readonly CatalogueStatus[]> {
  const [rules, clients] = await Promise.all([
    prisma.clientRule.findMany({
      where: { tenantId, catalogue: { not: null } },
      select: { catalogue: true },
    }),
    prisma.client.findMany({
      where: { tenantId, catalogue: { not: null }, removedAt: null },
      select: { id: true, catalogue: true },
    }),
  ]);
  return CATALOGUE.map((entry) => {
    const client = clients.find(({ catalogue }) => catalogue === entry.name);
    const ruled = rules.some(({ catalogue }) => catalogue === entry.name);
    const enabled = client !== undefined || (ruled && entry.by !== 'preregistration');
    return { entry, enabled, clientId: client?.id };
  });
}

/**
 * Switches a client of the catalogue on. One with metadata documents gets a rule for each of its addresses, of the
 * level `known`; one that is told its client_id, and comes back to the same redirects everywhere, is
 * registered. Again it changes nothing, but what the catalogue says anew: documents and redirects, and never who
 * is connected. For a client that can do neither nothing is made, and its advice says what can be.
 *
 * @throws NotFound when the catalogue has no such entry.
 */
export async function enableCatalogued(
  prisma: PrismaClient,
  name: string,
  { tenantId, trust = 'known' }: { readonly tenantId: string; readonly trust?: TrustLevel },
  cause: Cause,
): Promise<Enabled> {
  const entry = entryOf(name);
  const documents = documentsOf(entry);
  await prisma.$transaction(async (tx) => {
    await deleteRules(tx, { tenantId, catalogue: name, pattern: { notIn: [...documents] } }, cause);
    for (const pattern of documents)
      await writeRule(tx, { tenantId, pattern, trust, catalogue: name }, cause);
  });
  switch (entry.by) {
    case 'document':
      return { entry, enabled: true, clientId: undefined, clientSecret: undefined };
    case 'preregistration': {
      const there = await prisma.client.findFirst({ where: { tenantId, catalogue: name, removedAt: null } });
      const { title, redirectUris, authMethod } = entry;
      if (there) {
        await changeRedirectUris(prisma, { clientId: there.id, redirectUris }, cause);
        return { entry, enabled: true, clientId: there.id, clientSecret: undefined };
      }
      const { clientId, clientSecret } = await addClient(
        prisma,
        { tenantId, name: title, redirectUris, authMethod, trust, catalogue: name },
        cause,
      );
      return { entry, enabled: true, clientId, clientSecret };
    }
    case 'dynamic registration':
      return { entry, enabled: false, clientId: undefined, clientSecret: undefined };
  }
}

/**
 * Switches it off again: its rules are taken away, and a client that was registered for it is removed, with all
 * that it has. Answers how many of its connections ended by that.
 *
 * @throws NotFound when the catalogue has no such entry, or it is not switched on.
 */
export async function disableCatalogued(
  { prisma, revokeGrantsOf }: RemoveClientDeps,
  name: string,
  { tenantId }: { readonly tenantId: string },
  cause: Cause,
): Promise<{ readonly entry: CatalogueEntry; readonly grantsRevoked: number }> {
  const entry = entryOf(name);
  const { count } = await prisma.$transaction((tx) => deleteRules(tx, { tenantId, catalogue: name }, cause));
  const clients = await prisma.client.findMany({ where: { tenantId, catalogue: name, removedAt: null } });
  if (count + clients.length === 0) throw new NotFound(`${entry.title} is not switched on.`);
  let grantsRevoked = 0;
  for (const { id } of clients)
    grantsRevoked += (await removeClient({ prisma, revokeGrantsOf }, id, cause)).grantsRevoked;
  return { entry, grantsRevoked };
}

function entryOf(name: string): CatalogueEntry {
  const entry = catalogueEntry(name);
  if (entry) return entry;
  throw new NotFound(
    `The catalogue has no ${name}. It has ${CATALOGUE.map((known) => known.name).join(', ')}; any other client comes in by: ${GATEHOUSE} client allow <url>, or ${GATEHOUSE} client add.`,
  );
}
