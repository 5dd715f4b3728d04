-- options: schema=shop
BEGIN;
SET LOCAL lock_timeout = '2s';
DROP VIEW order_totals;
CREATE VIEW order_totals AS SELECT customer_id, sum(total) AS total, count(*) AS n FROM orders GROUP BY customer_id;
COMMIT;
CREATE OR REPLACE FUNCTION app.slug(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper($1) $$;
