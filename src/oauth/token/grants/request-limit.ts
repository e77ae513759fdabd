import type { KoaContextWithOIDC } from 'oidc-provider';

import type { GrantFacts } from '../../../domain/grants/index.ts';
import { HttpError } from '../../../platform/http/index.ts';
import { markRecorded, noteRefusal } from '../../refusals/refusal.ts';

import type { GrantRequestLimit } from './deps.ts';
import { entryFor } from './response.ts';

/** Counts one token request of a grant. @throws HttpError 429 beyond its limit; then nothing was spent. */
export async function limitGrantRequests(
  limit: GrantRequestLimit,
  ctx: KoaContextWithOIDC,
  grant: GrantFacts,
): Promise<void> {
  const { allowed, retryAfter } = await limit.requests.take(grant.id);
  if (!allowed) throw await tooManyRequests(limit, ctx, grant, { reason: 'grant_requests', retryAfter });
}

/** Returns the 429 for a grant that asks too often, recorded once for each window and reason. */
export async function tooManyRequests(
  { records }: GrantRequestLimit,
  ctx: KoaContextWithOIDC,
  grant: GrantFacts,
  {
    reason,
    retryAfter,
  }: { readonly reason: 'grant_requests' | 'refresh_repetitions'; readonly retryAfter: number },
): Promise<HttpError> {
  const { allowed: recorded } = await records.take(`${reason} ${grant.id}`);
  if (recorded) noteRefusal(ctx, entryFor('request.throttled', grant, { outcome: 'refused', reason }));
  else markRecorded(ctx);
  return new HttpError(429, 'slow_down', 'too many token requests for this connection', {
    'Retry-After': String(retryAfter),
  });
}
