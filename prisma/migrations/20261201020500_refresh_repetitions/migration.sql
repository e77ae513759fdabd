-- AlterTable
ALTER TABLE "grants" ADD COLUMN     "replay_suspected_at" TIMESTAMPTZ(6);

-- AlterTable
ALTER TABLE "refresh_tokens" ADD COLUMN     "derived_version" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "repeated_elsewhere" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "repetitions" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "used_from" TEXT;
