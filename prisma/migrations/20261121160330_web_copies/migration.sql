-- CreateTable
CREATE TABLE "web_copies" (
    "kind" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "content" BYTEA,
    "hash" BYTEA,
    "fetched_at" TIMESTAMPTZ(6),
    "fresh_until" TIMESTAMPTZ(6),
    "failed_at" TIMESTAMPTZ(6),
    "failure" TEXT,
    "claimed_until" TIMESTAMPTZ(6),
    "tried_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "web_copies_pkey" PRIMARY KEY ("kind","url")
);

-- CreateIndex
CREATE INDEX "web_copies_kind_hash_idx" ON "web_copies"("kind", "hash");

-- CreateIndex
CREATE INDEX "web_copies_tried_at_idx" ON "web_copies"("tried_at");
