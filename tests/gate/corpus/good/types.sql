-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE customers ALTER COLUMN phone TYPE varchar;
ALTER TABLE customers ALTER COLUMN email TYPE text;
ALTER TABLE orders ALTER COLUMN note TYPE varchar(51);
ALTER TABLE app.invoices ALTER COLUMN amount TYPE numeric;
ALTER TABLE customers ALTER COLUMN name TYPE varchar;
