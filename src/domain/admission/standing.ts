import { TRUST_LEVELS, type TrustLevel } from '../authority/index.ts';

import type { DocumentVerdict } from './gate.ts';

/** What this installation does with clients that are named by the URL of a metadata document. */
export type DocumentMode = 'off' | 'allowlist' | 'review' | 'open';

/** Of rules that are equally specific, the one that trusts least stands first. */
const RANK = `array_position('{${TRUST_LEVELS.join(',')}}'::text[], r.trust)`;

/** The rules that speak of the URL `url`, and the order in which they do. SQL. */
export const rulesAbout = (url: string) => ({
  where: `r.host = split_part(${url}, '/', 3) AND ${url} ~ r.expression`,
  order: `r.specificity DESC, ${RANK}`,
});

/** What the tenant's rules say of the client named by `url`; NULL when none speaks of it. SQL. */
export function ruledTrust(url: string, tenant: string): string {
  const { where, order } = rulesAbout(url);
  return `(SELECT r.trust FROM client_rules r WHERE r.tenant_id = ${tenant} AND ${where} ORDER BY ${order} LIMIT 1)`;
}

/**
 * The standing of the client row `c` with a tenant: a trust level, or NULL for a document of which no rule of that
 * tenant speaks, which `trustOf` turns into one. SQL.
 *
 * A level that stands in the row was given by the tenant of the row and counts there; elsewhere nobody
 * vouches for the client. Only a block counts everywhere.
 */
export function standingOf(c: string, tenant: string): string {
  return `CASE
    WHEN ${c}.trust = 'blocked' THEN 'blocked'
    WHEN ${c}.registration = 'document' THEN ${ruledTrust(`${c}.id`, tenant)}
    WHEN ${c}.tenant_id = ${tenant} THEN ${c}.trust
    ELSE 'untrusted' END`;
}

/**
 * Whether the client row `c` is not blocked, by itself or by a rule of the tenant. SQL, for statements that
 * decide again what was decided before: it needs no mode, and of a rule that was only taken away the next
 * request hears.
 */
export function notBlocked(c: string, tenant: string): string {
  return `${c}.trust <> 'blocked'
    AND (${c}.registration <> 'document' OR ${ruledTrust(`${c}.id`, tenant)} IS DISTINCT FROM 'blocked')`;
}

/** What the mode makes of the standing of a document: pure, and the only place that decides it. */
export function admitDocument(mode: DocumentMode, ruled: TrustLevel | undefined): DocumentVerdict {
  if (mode === 'off') return { allowed: false, reason: 'client_documents_off' };
  if (ruled === 'blocked') return { allowed: false, reason: 'client_blocked' };
  if (ruled !== undefined) return { allowed: true, trust: ruled };
  if (mode === 'open') return { allowed: true, trust: 'untrusted' };
  return { allowed: false, reason: mode === 'review' ? 'client_awaits_review' : 'client_not_allowed' };
}

/** How far a client is trusted; `blocked` also for a document that is not let in. */
export function trustOf(
  mode: DocumentMode,
  { registration, standing }: { readonly registration: string; readonly standing: TrustLevel | undefined },
): TrustLevel {
  if (registration !== 'document') return standing ?? 'blocked';
  const verdict = admitDocument(mode, standing);
  return verdict.allowed ? verdict.trust : 'blocked';
}
