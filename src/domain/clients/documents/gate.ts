/**
 * Whether the URL of a metadata document may be a client here at all. Asked before anything is fetched
 * and again at every use, also at the token endpoint, whose two round trips it must not make three:
 * it answers from what the process knows.
 *
 * `reason` is snake_case, for the audit trail.
 */
export type DocumentGate = (
  url: string,
) => Promise<{ readonly allowed: true } | { readonly allowed: false; readonly reason: string }>;
