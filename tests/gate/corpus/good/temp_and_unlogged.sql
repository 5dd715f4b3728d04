-- options: schema=shop
CREATE TEMP TABLE upload (id int, v text) ON COMMIT PRESERVE ROWS;
COPY upload FROM STDIN WITH (FORMAT csv);
1,"drop table x;"
\.
CREATE UNIQUE INDEX ON upload (id);
ALTER TABLE upload ADD COLUMN n int NOT NULL DEFAULT 0;
INSERT INTO app.invoices (id) SELECT id FROM upload;
DROP TABLE upload;
CREATE UNLOGGED TABLE cache (k text PRIMARY KEY, v jsonb);
ALTER TABLE cache SET LOGGED;
