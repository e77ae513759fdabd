-- AlterTable
ALTER TABLE "grants" ADD COLUMN     "withdrawn_scopes" TEXT[] DEFAULT ARRAY[]::TEXT[];
