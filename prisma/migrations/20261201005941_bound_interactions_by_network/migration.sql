-- AlterTable
ALTER TABLE "interactions" ADD COLUMN     "network" TEXT;

-- CreateIndex
CREATE INDEX "interactions_network_expires_at_idx" ON "interactions"("network", "expires_at");
