SET lock_timeout = '2s';
-- expect: opaque_dynamic_sql
DO $$ DECLARE r record; BEGIN FOR r IN SELECT tablename FROM pg_tables LOOP EXECUTE format('ALTER TABLE %I ADD COLUMN x int', r.tablename); END LOOP; END $$;
-- expect: drop_table
DO $$ BEGIN EXECUTE 'DROP TABLE legacy'; END $$;
