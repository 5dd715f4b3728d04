alter table orders add column note text;
alter table orders add column state text not null default 'new';
alter table orders add column at timestamptz not null default now();
alter table orders add column v numeric generated always as (total * 2) virtual;
create table fresh (id bigint);
alter table fresh add column token uuid default gen_random_uuid();
