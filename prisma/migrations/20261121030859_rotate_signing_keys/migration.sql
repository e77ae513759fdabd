-- AlterTable
ALTER TABLE "signing_keys" ADD COLUMN     "promote_at" TIMESTAMPTZ(6),
ADD COLUMN     "promoted_at" TIMESTAMPTZ(6),
ADD COLUMN     "published_until" TIMESTAMPTZ(6),
ADD COLUMN     "revoked_at" TIMESTAMPTZ(6),
ADD COLUMN     "token_lifetime" INTEGER NOT NULL DEFAULT 3600,
ALTER COLUMN "private_sealed" DROP NOT NULL;

-- How long tokens lived that keys have signed so far is not known: no setting allows more than an hour.
ALTER TABLE "signing_keys" ALTER COLUMN "token_lifetime" DROP DEFAULT;
UPDATE "signing_keys" SET "promoted_at" = "created_at";
UPDATE "signing_keys" SET "published_until" = "retired_at" + interval '65 minutes', "private_sealed" = NULL
WHERE "state" = 'retired';

-- One key signs, and one at the most waits to.
CREATE UNIQUE INDEX "signing_keys_one_in_turn" ON "signing_keys" ("state") WHERE "state" IN ('next', 'current');

ALTER TABLE "signing_keys" ADD CONSTRAINT "signing_keys_state_is_whole" CHECK (
    CASE "state"
        WHEN 'next' THEN "promote_at" IS NOT NULL AND "private_sealed" IS NOT NULL
        WHEN 'current' THEN "promoted_at" IS NOT NULL AND "private_sealed" IS NOT NULL
        WHEN 'retired' THEN "retired_at" IS NOT NULL AND "published_until" IS NOT NULL AND "private_sealed" IS NULL
        WHEN 'revoked' THEN "revoked_at" IS NOT NULL AND "private_sealed" IS NULL
        ELSE false
    END
);
