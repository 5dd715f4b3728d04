BEGIN;
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE diary (id bigint PRIMARY KEY, m mood DEFAULT 'happy', body text);
ALTER TABLE diary ALTER COLUMN body SET NOT NULL;
ALTER TABLE diary ADD CONSTRAINT body_short CHECK (length(body) < 1000);
CREATE UNIQUE INDEX ON diary (body);
COMMIT;
