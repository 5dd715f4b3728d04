BEGIN;
-- Running upgrade ae1 -> b2f
-- expect: lock_timeout_missing, set_not_null_scan
ALTER TABLE account ALTER COLUMN email SET NOT NULL;
-- expect: add_unique_blocking, work_while_holding_exclusive_lock
ALTER TABLE account ADD CONSTRAINT uq_account_email UNIQUE (email);
UPDATE alembic_version SET version_num='b2f' WHERE alembic_version.version_num = 'ae1';
COMMIT;
