-- options: schema=shop
SET lock_timeout = '2s';
-- expect: drop_table
DROP TABLE app.invoices;
-- expect: drop_table, drop_cascade
DROP TABLE customers CASCADE;
-- expect: drop_schema
DROP SCHEMA old_things;
-- expect: drop_view
DROP MATERIALIZED VIEW report;
-- expect: drop_database
DROP DATABASE other;
