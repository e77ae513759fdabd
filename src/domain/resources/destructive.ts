/**
 * SQL condition: whether a row of `resource_scopes` is destructive, because it is flagged so or because a
 * destructive tool needs it.
 *
 * The only computation of this fact. It is evaluated at every read and never stored, so that it follows each
 * change of flags and tools, also for rows of earlier versions.
 *
 * @param alias of `resource_scopes` in the query.
 */
export function destructiveScopeSql(alias: string): string {
  return `(${alias}.destructive OR EXISTS (
    SELECT 1 FROM resource_tools opened
    WHERE opened.resource_id = ${alias}.resource_id AND opened.effect = 'destructive'
      AND ${alias}.scope = ANY (opened.scopes)))`;
}
