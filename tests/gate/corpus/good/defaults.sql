SET lock_timeout = '2s';
ALTER TABLE orders
  ADD COLUMN a boolean NOT NULL DEFAULT false,
  ADD COLUMN b jsonb NOT NULL DEFAULT '{}'::jsonb,
  ADD COLUMN c text[] DEFAULT ARRAY[]::text[],
  ADD COLUMN d timestamptz DEFAULT statement_timestamp(),
  ADD COLUMN e text DEFAULT upper('x') || lower('Y'),
  ADD COLUMN f text DEFAULT NULL,
  ADD COLUMN g text COLLATE "C",
  ADD COLUMN h text DEFAULT current_user;
