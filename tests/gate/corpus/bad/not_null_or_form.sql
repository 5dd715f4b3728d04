-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE customers ADD CONSTRAINT either CHECK (name IS NOT NULL OR phone IS NOT NULL) NOT VALID;
ALTER TABLE customers VALIDATE CONSTRAINT either;
-- expect: set_not_null_scan
ALTER TABLE customers ALTER COLUMN name SET NOT NULL;
