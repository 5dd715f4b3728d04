-- options: schema=shop
SET search_path TO app;
CREATE TABLE ledger (id int PRIMARY KEY, v text);
CREATE INDEX ON app.ledger (v);
ALTER TABLE ledger ADD CONSTRAINT v_short CHECK (length(v) < 9);
ALTER TABLE app.ledger ALTER COLUMN v SET NOT NULL;
DROP TABLE app.ledger;
