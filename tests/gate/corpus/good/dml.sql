INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING;
UPDATE orders SET state = 'x' WHERE id = 17;
UPDATE orders SET state = 'x' WHERE id IN (SELECT id FROM orders WHERE state IS NULL LIMIT 1000);
DELETE FROM orders WHERE id BETWEEN 1 AND 1000;
WITH batch AS (SELECT id FROM orders WHERE state IS NULL LIMIT 500) UPDATE orders o SET state = '' FROM batch WHERE batch.id = o.id;
