CREATE TABLE IF NOT EXISTS brand_new (id int, a int, b int);
CREATE INDEX IF NOT EXISTS brand_new_a ON brand_new (a);
CREATE UNIQUE INDEX brand_new_b ON brand_new USING btree (b) INCLUDE (a) WHERE a > 0;
DROP INDEX brand_new_a;
ALTER TABLE brand_new ADD CONSTRAINT c UNIQUE (a);
ALTER TABLE brand_new DROP CONSTRAINT c;
ALTER TABLE ONLY brand_new ADD COLUMN z uuid DEFAULT gen_random_uuid();
