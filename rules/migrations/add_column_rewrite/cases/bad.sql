-- expect
alter table orders add column token uuid default gen_random_uuid();
-- expect
alter table orders add column number bigserial;
-- expect
alter table orders add column total2 numeric generated always as (total * 2) stored;
-- expect
alter table orders add id2 bigint generated always as identity;
-- expect
alter table orders add column seen timestamptz not null default clock_timestamp();
