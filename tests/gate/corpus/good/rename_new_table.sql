CREATE TABLE staging_x (id int primary key, v varchar(3));
ALTER TABLE staging_x RENAME TO final_x;
ALTER TABLE final_x RENAME COLUMN v TO w;
ALTER TABLE final_x ALTER COLUMN w TYPE int USING w::int;
CREATE INDEX ON final_x (w);
ALTER INDEX final_x_w_idx RENAME TO final_x_w;
DROP INDEX final_x_w;
DROP TABLE final_x;
