SET lock_timeout = '750ms';
SET statement_timeout = '1500ms';
ALTER TABLE orders ADD COLUMN discount numeric(5,2) DEFAULT 0 NOT NULL;
ALTER TABLE orders ADD COLUMN placed_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE orders ALTER COLUMN discount SET DEFAULT 1;
RESET statement_timeout;
