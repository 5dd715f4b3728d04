-- expect: lock_timeout_missing, truncate
TRUNCATE orders;
-- expect: truncate, truncate_cascade
TRUNCATE customers CASCADE;
