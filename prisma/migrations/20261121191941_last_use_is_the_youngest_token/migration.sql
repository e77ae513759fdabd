-- When a grant was last used is when its youngest refresh token was made. Writing it into the grant as well cost
-- each refresh a second row version, and often five index entries.
-- AlterTable
ALTER TABLE "grants" DROP COLUMN "last_used_at";

-- Each of these rows is written to once after it was made, in no indexed column: with room in its page that costs no
-- index entry (a heap-only update).
ALTER TABLE "grants" SET (fillfactor = 90);
ALTER TABLE "authorization_codes" SET (fillfactor = 90);
ALTER TABLE "refresh_tokens" SET (fillfactor = 90);
