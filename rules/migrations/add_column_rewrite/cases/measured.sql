-- What each case does on real servers is measured (tests/gate/test_measured.py); the schema is tests/gate/case_schema.sql.
-- case: bad, volatile default
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders add column token uuid default md5(random()::text)::uuid;
-- case: bad, serial
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders add column number bigserial;
-- case: bad, identity
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders add column number bigint generated always as identity;
-- case: bad, stored generated
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders add column twice numeric generated always as (total * 2) stored;
-- case: bad, clock
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders add column seen timestamptz not null default clock_timestamp();
-- case: bad, volatile function of the schema
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders add column token text default next_code();
-- case: bad, constrained domain
-- majors: 13-18
-- measured: lock orders ACCESS EXCLUSIVE; rewrite orders; scan orders
alter table orders add column rank positive_number default 1;
-- case: good, constant default
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column kind text not null default 'a';
-- case: good, now
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column seen timestamptz not null default now();
-- case: good, stable function of the schema
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column token text default fixed_code();
-- case: good, cast of a constant
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column day date default '2024-01-01'::date;
-- case: good, array
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column marks text[] not null default '{}';
-- case: good, unconstrained domain
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column mail email_address default 'a@b';
-- case: good, virtual generated
-- majors: 18-18
-- measured: lock orders ACCESS EXCLUSIVE
alter table orders add column twice numeric generated always as (total * 2) virtual;
