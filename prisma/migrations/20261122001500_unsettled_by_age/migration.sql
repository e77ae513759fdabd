-- No more by id: for a grant's id alone, a planner that has not heard how many there are takes this index for as
-- good as the primary key, and keeps to it, and then each code exchange reads the whole of it.
DROP INDEX "grants_client_id_id_unsettled";

-- The grants of a client that no row says an end of, in the order in which a cutoff is written into them.
CREATE INDEX "grants_client_id_created_at_unsettled" ON "grants"("client_id", "created_at") WHERE "revoked_at" IS NULL;
