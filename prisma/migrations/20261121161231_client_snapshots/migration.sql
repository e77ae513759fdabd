-- AlterTable
ALTER TABLE "consents" ADD COLUMN     "client_version" BYTEA;

-- AlterTable
ALTER TABLE "grants" ADD COLUMN     "client_version" BYTEA;

-- CreateTable
CREATE TABLE "client_snapshots" (
    "client_id" TEXT NOT NULL,
    "version" BYTEA NOT NULL,
    "name" TEXT NOT NULL,
    "auth_method" TEXT NOT NULL,
    "redirect_uris" TEXT[],
    "grant_types" TEXT[],
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "seen_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "client_snapshots_pkey" PRIMARY KEY ("client_id","version")
);

-- AddForeignKey
ALTER TABLE "client_snapshots" ADD CONSTRAINT "client_snapshots_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients"("id") ON DELETE CASCADE ON UPDATE CASCADE;
