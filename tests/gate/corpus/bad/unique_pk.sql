-- options: schema=shop
SET lock_timeout = '2s';
-- expect: add_unique_blocking
ALTER TABLE customers ADD UNIQUE (email);
-- expect: add_pk_blocking
ALTER TABLE parent_notes ADD PRIMARY KEY (id);
-- expect: add_exclusion_blocking
ALTER TABLE orders ADD CONSTRAINT no_overlap EXCLUDE USING btree (note WITH =);
-- expect: add_unique_blocking
ALTER TABLE orders ADD COLUMN ref text UNIQUE;
