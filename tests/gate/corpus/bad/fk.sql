-- options: schema=shop
SET lock_timeout = '2s';
-- expect: add_fk_validating
ALTER TABLE app.invoices ADD CONSTRAINT invoices_order FOREIGN KEY (order_id) REFERENCES orders (id);
-- expect: add_fk_validating
ALTER TABLE orders ADD CONSTRAINT again FOREIGN KEY (customer_id) REFERENCES customers;
