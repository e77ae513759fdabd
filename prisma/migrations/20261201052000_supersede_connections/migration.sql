-- AlterTable
ALTER TABLE "grants" ADD COLUMN     "connection_key" BYTEA,
ADD COLUMN     "supersedes_at" TIMESTAMPTZ(6),
ADD COLUMN     "widens" TEXT;

-- The connections that replace each other, as far as none of them has ended.
CREATE INDEX "grants_connection_key_living" ON "grants"("connection_key") WHERE "revoked_at" IS NULL AND "connection_key" IS NOT NULL;

-- The few that housekeeping has to look at.
CREATE INDEX "grants_supersedes_at_due" ON "grants"("supersedes_at") WHERE "supersedes_at" IS NOT NULL;
