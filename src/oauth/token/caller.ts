import type { KoaContextWithOIDC } from 'oidc-provider';

import { byClient, type Cause } from '../../kernel/cause.ts';
import { originOf } from '../../platform/http/index.ts';

/** Returns the cause of what the client of a token request does. The library refuses a request that has none. */
export function causeOf(ctx: KoaContextWithOIDC): Cause {
  return byClient(ctx.oidc.client?.clientId ?? '', originOf(ctx));
}
