-- options: schema=shop
SET lock_timeout = '2s';
CREATE TABLE order_items (id bigint PRIMARY KEY, order_id bigint REFERENCES orders (id), product text);
CREATE INDEX ON order_items (order_id);
