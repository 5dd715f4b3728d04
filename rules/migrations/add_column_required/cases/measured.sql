-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, no default
-- measured: error 23502
alter table orders add column kind text not null;
-- case: bad, default null
-- measured: error 23502
alter table orders add column kind text not null default null;
-- case: good, with a default
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column kind text not null default 'a';
-- case: good, nullable
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column kind text;
-- case: good, already there
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column if not exists note text not null;
