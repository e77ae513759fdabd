-- AlterTable
ALTER TABLE "consents" ADD COLUMN     "expires_at" TIMESTAMPTZ(6) NOT NULL DEFAULT (now() + '90 days'::interval);

-- CreateIndex
CREATE INDEX "consents_expires_at_idx" ON "consents"("expires_at");

-- Rows from before expire 90 days after the decision that they remember.
UPDATE "consents" SET "expires_at" = "granted_at" + interval '90 days';
