import type { KoaContextWithOIDC } from 'oidc-provider';

import { anonymously, byClient, type Cause } from '../../kernel/cause.ts';
import { originOf } from '../../platform/http/index.ts';

/**
 * Returns the cause of what the caller of an endpoint for programs does with a code or token of the client `owner`. A
 * client that authenticated itself is the actor, and so is a public one with what was issued to it. A public client_id
 * beside something of another client is a claim of anybody.
 */
export function causeOf(ctx: KoaContextWithOIDC, owner: string): Cause {
  const caller = ctx.oidc.client;
  const proven = caller && (caller.clientAuthMethod !== 'none' || caller.clientId === owner);
  return proven ? byClient(caller.clientId, originOf(ctx)) : anonymously(originOf(ctx));
}
