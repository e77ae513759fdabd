import { isDeepStrictEqual } from 'node:util';

import type { Cause } from '../../../kernel/cause.ts';
import type { Prisma, PrismaClient } from '../../../platform/database/generated/client.ts';
import { recordAudit } from '../../audit/index.ts';

import type { Client, Trust } from '../client.ts';
import { forgetSnapshots, keepSnapshot } from '../documents/keep-snapshot.ts';
import type { ClientMetadata } from '../normalize-registration.ts';

/** What makes a client who it is to the people who allowed it something, and to the administrator who vouched for it. */
const IDENTITY: ReadonlySet<string> = new Set(['client_name', 'redirect_uris', 'jwks', 'jwks_uri']);

/**
 * Replaces what a dynamic client says about itself (RFC 7592 §2.2), with its record. Its identifier, its
 * secret, its registration access token and the way it authenticates stay.
 *
 * Its trust never rises. A change of its name, its redirects or its keys makes it `untrusted`: an administrator, or
 * an administrator's token, admitted another identity. Remembered consent no longer counts, and users are shown
 * the difference.
 *
 * Returns the client as it is now; `undefined` when it was removed or blocked in the meantime.
 */
export async function changeRegistration(
  prisma: PrismaClient,
  { client, metadata }: { readonly client: Client; readonly metadata: ClientMetadata },
  cause: Cause,
): Promise<Client | undefined> {
  return prisma.$transaction(async (tx) => {
    const [row] = await tx.$queryRaw<{ trust: Trust }[]>`
      SELECT trust FROM clients
      WHERE id = ${client.id} AND removed_at IS NULL AND trust <> 'blocked' FOR UPDATE`;
    if (!row) return undefined;
    const stands = await tx.client.findUniqueOrThrow({ where: { id: client.id } });
    const {
      client_name: name,
      redirect_uris,
      grant_types,
      token_endpoint_auth_method: _,
      ...rest
    } = metadata;
    const said = { name, redirectUris: [...redirect_uris], grantTypes: [...grant_types], metadata: rest };

    const changed = changes(stands, said);
    if (changed.length === 0) return client;
    const identity = changed.some((member) => IDENTITY.has(member));
    const trust = identity ? 'untrusted' : row.trust;
    await tx.client.update({
      where: { id: client.id },
      data: {
        ...said,
        metadata: rest as Prisma.InputJsonObject,
        ...(identity ? { trust, registeredTrust: trust, trustGivenAt: null } : {}),
      },
    });
    const after = { ...client, ...said, trust };
    if (identity) {
      await keepSnapshot(tx, after);
      await forgetSnapshots(tx, after);
    }
    await recordAudit(
      tx,
      {
        event: 'client.changed',
        outcome: 'success',
        tenant: client.tenantId,
        client: client.id,
        detail: {
          changed,
          ...(changed.includes('client_name') ? { name: [stands.name, name] } : {}),
          ...(changed.includes('redirect_uris') ? { redirect_uris: redirect_uris.slice(0, 10) } : {}),
          ...(trust === row.trust ? {} : { trust: [row.trust, trust] }),
        },
      },
      cause,
    );
    return after;
  });
}

interface Said {
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly metadata: unknown;
}

/** The members whose values differ, by their names in the registration. */
function changes(before: Said, after: Said): readonly string[] {
  const was = members(before);
  const is = members(after);
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (member) => !isDeepStrictEqual(was[member], is[member]),
  );
}

function members({ name, redirectUris, grantTypes, metadata }: Said): Readonly<Record<string, unknown>> {
  const rest = metadata as Readonly<Record<string, unknown>>;
  return { client_name: name, redirect_uris: redirectUris, grant_types: grantTypes, ...rest };
}
