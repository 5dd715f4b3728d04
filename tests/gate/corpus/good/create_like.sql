-- options: schema=shop
CREATE TABLE orders_copy (LIKE orders INCLUDING DEFAULTS INCLUDING INDEXES);
ALTER TABLE orders_copy ALTER COLUMN note TYPE int USING 0;
ALTER TABLE orders_copy ADD UNIQUE (id);
CREATE INDEX ON orders_copy (state);
ALTER TABLE orders_copy ADD FOREIGN KEY (id) REFERENCES orders_copy (id);
