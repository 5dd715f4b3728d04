-- expect: unbatched_backfill
UPDATE orders SET state = 'new';
-- expect: unbatched_backfill
DELETE FROM orders;
