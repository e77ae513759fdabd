-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "trust_given_at" TIMESTAMPTZ(6);

-- Trust that was given before: by `client trust` to a client that registered itself. What changed its name,
-- redirects or keys afterwards is another identity than the one that was trusted.
UPDATE "clients" c SET "trust_given_at" = given."at"
FROM (SELECT a."client", max(a."time") AS "at" FROM "audit_records" a
      WHERE a."event" = 'client.trust_changed' GROUP BY a."client") given
WHERE c."id" = given."client" AND c."registration" = 'dynamic' AND c."trust" IN ('known', 'trusted', 'first_party')
  AND NOT EXISTS (
    SELECT 1 FROM "audit_records" a
    WHERE a."client" = c."id" AND a."event" = 'client.changed' AND a."time" > given."at"
      AND a."detail"->'changed' ?| array['client_name', 'redirect_uris', 'jwks', 'jwks_uri']);

-- A level above that of the registration was given by an administrator, also where no audit record says so.
UPDATE "clients" SET "trust_given_at" = now()
WHERE "registration" = 'dynamic' AND "trust_given_at" IS NULL AND "trust" IN ('known', 'trusted', 'first_party')
  AND "trust" <> COALESCE("registered_trust", 'untrusted');

UPDATE "clients" c SET "trust" = 'untrusted', "registered_trust" = 'untrusted'
WHERE c."registration" = 'dynamic' AND c."trust_given_at" IS NULL AND c."trust" IN ('known', 'trusted', 'first_party')
  AND EXISTS (
    SELECT 1 FROM "audit_records" a
    WHERE a."client" = c."id" AND a."event" = 'client.changed'
      AND a."detail"->'changed' ?| array['client_name', 'redirect_uris', 'jwks', 'jwks_uri']);

-- The catalogue entry of ChatGPT no longer admits the document of Codex.
UPDATE "client_rules" r
SET "pattern" = 'https://chatgpt.com/oauth/*!codex/client.json',
    "expression" = '^https\:\/\/chatgpt\.com/oauth/(?!(?:codex)(?:[/?#]|$))[^/?#]+/client\.json$'
WHERE r."pattern" = 'https://chatgpt.com/oauth/*/client.json' AND r."catalogue" = 'chatgpt'
  AND NOT EXISTS (SELECT 1 FROM "client_rules" o WHERE o."tenant_id" = r."tenant_id"
                    AND o."pattern" = 'https://chatgpt.com/oauth/*!codex/client.json');

-- Templates that name no more than a host give `untrusted` at most, as new ones do.
UPDATE "client_rules" SET "trust" = 'untrusted'
WHERE "specificity" = 1 AND "trust" IN ('known', 'trusted', 'first_party')
  AND ("pattern" ~ '^https://[^/]+/\*'
    OR split_part("host", ':', 1) ~ '(?:^|\.)(?:github\.com|githubusercontent\.com|github\.io|gitlab\.com|gitlab\.io|bitbucket\.org|jsdelivr\.net|unpkg\.com|amazonaws\.com|cloudfront\.net|storage\.googleapis\.com|blob\.core\.windows\.net|pages\.dev|workers\.dev|netlify\.app|vercel\.app|herokuapp\.com|web\.app|huggingface\.co)\.?$');
