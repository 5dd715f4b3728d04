-- options: schema=shop
SET lock_timeout = '2s';
CREATE FUNCTION next_code() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN random()::text; END $$;
CREATE FUNCTION fixed_code() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'x' $$;
ALTER TABLE orders ADD COLUMN a text DEFAULT fixed_code();
-- expect: add_column_rewrite
ALTER TABLE orders ADD COLUMN b text DEFAULT next_code();
-- expect: add_column_rewrite
ALTER TABLE orders ADD COLUMN c text DEFAULT app.token();
ALTER TABLE orders ADD COLUMN d text DEFAULT app.slug('X');
-- expect: add_column_rewrite
ALTER TABLE orders ADD COLUMN e timestamptz DEFAULT clock_timestamp();
ALTER TABLE orders ADD COLUMN f date DEFAULT current_date;
ALTER TABLE orders ADD COLUMN g timestamptz DEFAULT (now() + interval '1 day');
