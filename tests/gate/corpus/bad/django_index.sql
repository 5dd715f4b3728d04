-- options: in-transaction
-- expect: lock_timeout_missing, index_create_blocking
CREATE INDEX "shop_order_state_1a2b3c_idx" ON "shop_order" ("state", "created" DESC);
