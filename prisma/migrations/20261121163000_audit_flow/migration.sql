-- An authorization is found by its name, which stands in `detail` of the records that belong to one.
CREATE INDEX "audit_records_flow" ON "audit_records" (("detail" ->> 'flow'), "time") WHERE ("detail" ->> 'flow') IS NOT NULL;
