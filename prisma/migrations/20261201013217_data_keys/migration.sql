-- AlterTable
ALTER TABLE "installation" ADD COLUMN     "issuer" TEXT,
ADD COLUMN     "key_proof" BYTEA;

-- AlterTable
ALTER TABLE "signing_keys" ADD COLUMN     "mac" BYTEA;

-- CreateTable
CREATE TABLE "data_keys" (
    "id" INTEGER NOT NULL,
    "purpose" TEXT NOT NULL,
    "sealed" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "data_keys_pkey" PRIMARY KEY ("id")
);
