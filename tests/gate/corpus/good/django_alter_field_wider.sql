-- options: schema=shop
BEGIN;
SET LOCAL lock_timeout = '3s';
ALTER TABLE "orders" ALTER COLUMN "note" TYPE varchar(200);
ALTER TABLE "orders" ALTER COLUMN "state" SET STORAGE EXTERNAL;
ALTER TABLE "orders" ALTER COLUMN "state" TYPE varchar USING "state"::varchar;
COMMIT;
