-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE customers ALTER COLUMN email SET NOT NULL;
ALTER TABLE customers ALTER COLUMN id SET NOT NULL;
