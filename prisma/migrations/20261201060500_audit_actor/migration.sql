-- AlterTable
ALTER TABLE "audit_records" ADD COLUMN     "actor_id" TEXT,
ADD COLUMN     "actor_type" TEXT,
ADD COLUMN     "seq" BIGSERIAL NOT NULL;

-- AlterTable
ALTER TABLE "client_cutoffs" ADD COLUMN     "actor_id" TEXT,
ADD COLUMN     "actor_type" TEXT;
