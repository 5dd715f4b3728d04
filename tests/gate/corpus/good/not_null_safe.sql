-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE customers ADD CONSTRAINT customers_name_present CHECK (name IS NOT NULL) NOT VALID;
ALTER TABLE customers VALIDATE CONSTRAINT customers_name_present;
ALTER TABLE customers ALTER COLUMN name SET NOT NULL;
ALTER TABLE customers DROP CONSTRAINT customers_name_present;
