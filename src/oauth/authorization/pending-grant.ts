import type { KoaContextWithOIDC } from 'oidc-provider';

import type { NewGrant } from '../../domain/grants/index.ts';

/** The grant that the authorization in hand will make, without what only its code knows. */
export type PendingGrant = Omit<NewGrant, 'redirectUri' | 'code'>;

const pendingBy = new WeakMap<object, PendingGrant>();

/** Remembers, for this request alone, the grant that is written when its code is saved. */
export function setPendingGrant(ctx: KoaContextWithOIDC, grant: PendingGrant): void {
  pendingBy.set(ctx, grant);
}

export function pendingGrantOf(ctx: KoaContextWithOIDC): PendingGrant | undefined {
  return pendingBy.get(ctx);
}
