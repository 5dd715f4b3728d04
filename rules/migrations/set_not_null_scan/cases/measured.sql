-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, plain
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
alter table orders alter column note set not null;
-- case: bad, check not validated
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
alter table orders add constraint nn check (note is not null) not valid;
alter table orders alter column note set not null;
-- case: bad, check of another column
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
alter table orders add constraint nn check (filled is not null) not valid;
alter table orders validate constraint nn;
alter table orders alter column note set not null;
-- case: good, proven
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add constraint nn check (note is not null) not valid;
alter table orders validate constraint nn;
alter table orders alter column note set not null;
alter table orders drop constraint nn, add constraint nn2 check (true) not valid;
-- case: good, not null already
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders alter column state set not null;
-- case: good, new table
-- measured: nothing
create table fresh (a int);
alter table fresh alter column a set not null;
-- case: bad, primary key using an index on a column that may be null
-- measured: lock drafts ACCESS EXCLUSIVE; scan drafts
alter table drafts alter column id drop not null;
create unique index concurrently drafts_key on drafts (id);
alter table drafts add constraint drafts_pkey primary key using index drafts_key;
-- case: good, primary key using an index on a column that is not null
-- measured: lock drafts ACCESS EXCLUSIVE
create unique index concurrently drafts_key on drafts (id);
alter table drafts add constraint drafts_pkey primary key using index drafts_key;
-- case: good, behind a check of several conditions
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add constraint noted check (note is not null and length(note) < 100) not valid;
alter table orders validate constraint noted;
alter table orders alter column note set not null;
-- case: bad, behind a check that proves something else
-- measured: lock orders ACCESS EXCLUSIVE; scan orders
alter table orders add constraint noted check (note is not null or filled is not null) not valid;
alter table orders validate constraint noted;
alter table orders alter column note set not null;
