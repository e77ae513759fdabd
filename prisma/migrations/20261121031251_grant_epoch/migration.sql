-- CreateTable
CREATE TABLE "installation" (
    "id" TEXT NOT NULL,
    "grant_epoch" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("id")
);

-- One row, always.
CREATE UNIQUE INDEX "installation_only_one" ON "installation" ((true));
INSERT INTO "installation" ("id") VALUES ('ins_' || replace(gen_random_uuid()::text, '-', ''));

-- AlterTable: what was granted so far is of the first epoch.
ALTER TABLE "grants" ADD COLUMN     "epoch" INTEGER NOT NULL DEFAULT 1;
