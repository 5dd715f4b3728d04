SET lock_timeout = '2s';
-- expect: rls_enabled_without_policy
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
