-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "catalogue" TEXT;

-- AlterTable
ALTER TABLE "resources" ADD COLUMN     "admits_strangers" BOOLEAN NOT NULL DEFAULT true;

-- CreateTable
CREATE TABLE "client_rules" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "pattern" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "expression" TEXT NOT NULL,
    "specificity" SMALLINT NOT NULL,
    "trust" TEXT NOT NULL,
    "catalogue" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "client_rules_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "client_requests" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "decided_at" TIMESTAMPTZ(6),
    "decision" TEXT,

    CONSTRAINT "client_requests_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "client_rules_tenant_id_host_idx" ON "client_rules"("tenant_id", "host");

-- CreateIndex
CREATE UNIQUE INDEX "client_rules_tenant_id_pattern_key" ON "client_rules"("tenant_id", "pattern");

-- CreateIndex
CREATE INDEX "client_requests_user_id_idx" ON "client_requests"("user_id");

-- CreateIndex
CREATE INDEX "client_requests_created_at_idx" ON "client_requests"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "client_requests_tenant_id_client_id_user_id_key" ON "client_requests"("tenant_id", "client_id", "user_id");

-- AddForeignKey
ALTER TABLE "client_rules" ADD CONSTRAINT "client_rules_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "client_requests" ADD CONSTRAINT "client_requests_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "client_requests" ADD CONSTRAINT "client_requests_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
