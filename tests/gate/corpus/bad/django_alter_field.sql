BEGIN;
--
-- Alter field total on order
--
-- expect: lock_timeout_missing, type_change_rewrite
ALTER TABLE "orders" ALTER COLUMN "total" TYPE integer USING "total"::integer;
COMMIT;
