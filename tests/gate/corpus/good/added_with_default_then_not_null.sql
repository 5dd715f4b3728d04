-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE customers ADD COLUMN country text NOT NULL DEFAULT 'DE';
ALTER TABLE customers ALTER COLUMN country SET NOT NULL;
