-- options: schema=shop
SET lock_timeout = '2s';
CREATE INDEX CONCURRENTLY invoices_order_idx ON app.invoices (order_id);
BEGIN;
ALTER TABLE app.invoices ADD CONSTRAINT invoices_order FOREIGN KEY (order_id) REFERENCES orders (id) NOT VALID;
-- expect: validate_in_same_transaction
ALTER TABLE app.invoices VALIDATE CONSTRAINT invoices_order;
COMMIT;
