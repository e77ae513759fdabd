/**
 * When the client of the grant `g` last came for tokens: its youngest refresh token was made then. Where there is
 * none, the client came once.
 */
export const LAST_USED = `COALESCE(
  (SELECT t.issued_at FROM refresh_tokens t WHERE t.grant_id = g.id ORDER BY t.generation DESC LIMIT 1), g.activated_at)`;
