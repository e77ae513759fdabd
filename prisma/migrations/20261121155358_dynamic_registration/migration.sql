-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "registered_from" TEXT,
ADD COLUMN     "registered_trust" TEXT,
ADD COLUMN     "registration_token_hash" BYTEA,
ADD COLUMN     "used_at" TIMESTAMPTZ(6);

-- CreateTable
CREATE TABLE "registration_tokens" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "trust" TEXT NOT NULL,
    "uses" INTEGER NOT NULL,
    "used" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "revoked_at" TIMESTAMPTZ(6),

    CONSTRAINT "registration_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "registration_tokens_token_hash_key" ON "registration_tokens"("token_hash");

-- CreateIndex
CREATE INDEX "registration_tokens_tenant_id_idx" ON "registration_tokens"("tenant_id");

-- CreateIndex
CREATE INDEX "clients_registration_used_at_created_at_idx" ON "clients"("registration", "used_at", "created_at");

-- AddForeignKey
ALTER TABLE "registration_tokens" ADD CONSTRAINT "registration_tokens_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What somebody has allowed something is in use, and never swept as unused.
UPDATE "clients" SET "used_at" = "created_at" WHERE EXISTS (SELECT 1 FROM "grants" WHERE "grants"."client_id" = "clients"."id");
