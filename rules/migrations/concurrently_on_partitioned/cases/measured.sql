-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, parent
-- measured: error 0A000
create index concurrently i on events (at);
-- case: bad, named, unique
-- measured: error 0A000
create unique index concurrently i on meters (id, at);
-- case: good, a partition
-- measured: nothing
create index concurrently i on events_2024 (at);
-- case: good, only the parent
-- measured: lock events SHARE
create index i on only events (at);
