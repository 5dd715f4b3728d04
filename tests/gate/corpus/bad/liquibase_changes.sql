--liquibase formatted sql
--changeset ben:7
SET lock_timeout = '5s';
-- expect: drop_column
ALTER TABLE person DROP COLUMN middle_name;
--rollback ALTER TABLE person ADD COLUMN middle_name text;
--changeset ben:8
-- expect: rename_table
ALTER TABLE person RENAME TO people;
--rollback ALTER TABLE people RENAME TO person;
