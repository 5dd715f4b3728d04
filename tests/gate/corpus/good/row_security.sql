BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (owner = current_user);
COMMIT;
