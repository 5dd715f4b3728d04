-- +goose Up
-- +goose StatementBegin
-- expect: lock_timeout_missing, add_check_validating
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'price_positive') THEN
    ALTER TABLE products ADD CONSTRAINT price_positive CHECK (price > 0);
  END IF;
END $$;
-- +goose StatementEnd
-- +goose Down
ALTER TABLE products DROP CONSTRAINT price_positive;
