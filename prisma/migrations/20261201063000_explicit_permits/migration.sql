-- A permit for every resource becomes one permit for each resource of the tenant that there is.
INSERT INTO "role_permits" ("id", "role_id", "resource_id", "scope")
SELECT 'prm_' || md5(rp."id" || res."id"), rp."role_id", res."id", rp."scope"
FROM "role_permits" rp
JOIN "roles" r ON r."id" = rp."role_id"
JOIN "resources" res ON res."tenant_id" = r."tenant_id"
WHERE rp."resource_id" IS NULL;

DELETE FROM "role_permits" WHERE "resource_id" IS NULL;

-- AlterTable
ALTER TABLE "role_permits" ALTER COLUMN "resource_id" SET NOT NULL;
