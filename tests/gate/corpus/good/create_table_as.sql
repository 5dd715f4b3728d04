-- options: schema=shop
CREATE TABLE order_stats AS SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id WITH NO DATA;
CREATE INDEX ON order_stats (customer_id);
ALTER TABLE order_stats ALTER COLUMN n SET NOT NULL;
CREATE TEMP TABLE t AS SELECT * FROM orders;
CREATE INDEX ON t (id);
UPDATE t SET note = '';
DROP TABLE t;
SELECT id INTO TEMP chosen FROM orders;
DELETE FROM chosen;
