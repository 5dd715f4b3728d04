/* V12: everything about settings
   drop table settings; is not meant */
CREATE TABLE settings (
  name text PRIMARY KEY, -- drop column value
  value text DEFAULT 'truncate table x;'
);
COMMENT ON TABLE settings IS 'alter table settings add column x; drop table y';
INSERT INTO settings VALUES ('a', 'begin; drop table settings;'), ('b', $q$drop table "settings";$q$);
