-- AlterTable: what was granted so far is of the first epoch of its client.
ALTER TABLE "clients" ADD COLUMN     "grant_epoch" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "grants" ADD COLUMN     "client_epoch" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "consents" ADD COLUMN     "client_epoch" INTEGER NOT NULL DEFAULT 1;

-- CreateTable
CREATE TABLE "client_cutoffs" (
    "client_id" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "network" TEXT,
    "made_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "settled_at" TIMESTAMPTZ(6),

    CONSTRAINT "client_cutoffs_pkey" PRIMARY KEY ("client_id","epoch")
);

-- AddForeignKey
ALTER TABLE "client_cutoffs" ADD CONSTRAINT "client_cutoffs_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The grants of a client that no row says an end of, in the order in which a cutoff is written into them.
CREATE INDEX "grants_client_id_id_unsettled" ON "grants"("client_id", "id") WHERE "revoked_at" IS NULL;
