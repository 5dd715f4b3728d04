-- options: in-transaction schema=shop
--
-- Add field token to order
--
-- expect: lock_timeout_missing, add_column_rewrite
ALTER TABLE "orders" ADD COLUMN "token" uuid DEFAULT gen_random_uuid() NOT NULL;
-- expect: default_dropped_on_required_column
ALTER TABLE "orders" ALTER COLUMN "token" DROP DEFAULT;
