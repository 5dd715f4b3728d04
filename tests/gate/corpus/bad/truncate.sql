-- expect: lock_timeout_missing, truncate
TRUNCATE orders;
-- expect: lock_timeout_missing, truncate, truncate_cascade
TRUNCATE customers CASCADE;
