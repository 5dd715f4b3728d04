DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'colour') THEN
    CREATE TYPE colour AS ENUM ('red');
  END IF;
  RAISE NOTICE 'drop table x;';
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
