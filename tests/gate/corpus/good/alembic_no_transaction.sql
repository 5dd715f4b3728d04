BEGIN;
-- Running upgrade b2f -> c3d
COMMIT;
CREATE INDEX CONCURRENTLY ix_account_email ON account (email);
BEGIN;
UPDATE alembic_version SET version_num='c3d' WHERE alembic_version.version_num = 'b2f';
COMMIT;
