-- options: schema=shop
SET lock_timeout = '2s';
CREATE INDEX CONCURRENTLY invoices_order_idx ON app.invoices (order_id);
ALTER TABLE app.invoices ADD CONSTRAINT invoices_order FOREIGN KEY (order_id) REFERENCES orders (id) NOT VALID;
ALTER TABLE app.invoices VALIDATE CONSTRAINT invoices_order;
