-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "previous_secret_created_at" TIMESTAMPTZ(6),
ADD COLUMN     "previous_secret_expires_at" TIMESTAMPTZ(6),
ADD COLUMN     "previous_secret_hash" BYTEA,
ADD COLUMN     "secret_created_at" TIMESTAMPTZ(6);

-- AlterTable
ALTER TABLE "resources" ADD COLUMN     "previous_secret_created_at" TIMESTAMPTZ(6),
ADD COLUMN     "previous_secret_expires_at" TIMESTAMPTZ(6),
ADD COLUMN     "previous_secret_hash" BYTEA,
ADD COLUMN     "secret_created_at" TIMESTAMPTZ(6);

-- CreateTable
CREATE TABLE "client_key_sets" (
    "url" TEXT NOT NULL,
    "keys" JSONB,
    "fetched_at" TIMESTAMPTZ(6),
    "fresh_until" TIMESTAMPTZ(6),
    "attempted_at" TIMESTAMPTZ(6) NOT NULL,
    "settled_at" TIMESTAMPTZ(6),
    "failure" TEXT,

    CONSTRAINT "client_key_sets_pkey" PRIMARY KEY ("url")
);

-- CreateIndex
CREATE INDEX "client_key_sets_attempted_at_idx" ON "client_key_sets"("attempted_at");
