-- The database that the measured cases of rules/migrations/*/cases/measured.sql change: every table has rows.
create schema sales;
create schema archive;
create type mood as enum ('sad', 'ok');
create domain email_address as text;
create domain small_number as integer;
create domain positive_number as integer check (value > 0);
create function next_code() returns text language sql volatile as 'select md5(random()::text)';
create function fixed_code() returns text language sql stable as 'select ''x''::text';
create function touch() returns trigger language plpgsql as 'begin return new; end';
create table customers (
    id bigint primary key, email text not null, name varchar(40), note text, mood mood, region text default 'eu'
);
create table orders (
    id bigint primary key, customer_id bigint, total numeric(10, 2) not null default 0, note text,
    state text not null default 'new', at timestamptz not null default now(), code varchar(20), small int,
    network cidr, moment timestamp(3), span interval(3), flags bit varying(8), tags varchar(10)[], filled text,
    bound int not null,
    constraint positive check (total >= 0)
);
create index orders_customer_idx on orders (customer_id);
create index orders_code_idx on orders (code);
create trigger orders_touch before update on orders for each row execute function touch();
create table items (id bigint not null, order_id bigint not null references orders (id), price numeric(10, 2), label text);
create index items_order_idx on items (order_id);
create table logs (id bigint not null, at timestamptz not null, body text);
create unlogged table drafts (id bigint not null, body text);
create table contacts (id bigint primary key, email email_address, digits small_number);
create table bookings (id bigint not null, during tstzrange not null);
create table sales.offers (id bigint primary key, price numeric);
create table events (id bigint not null, at date not null, note text) partition by range (at);
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01');
create table events_rest partition of events default;
create table meters (id bigint not null, at date not null) partition by range (at);
create table meters_2024 partition of meters for values from ('2024-01-01') to ('2025-01-01');
create table meters_2025 (id bigint not null, at date not null);
create table meters_2026 (id bigint not null, at date not null, check (at >= '2026-01-01' and at < '2027-01-01'));
create table base (id int, body text);
create table derived (own text) inherits (base);
create view totals as select customer_id, sum(total) as total from orders group by customer_id;
create view names as select id, name from customers;
create materialized view big_totals as select customer_id, count(*) as n from orders group by customer_id;
create unique index big_totals_customer on big_totals (customer_id);
insert into customers select i, 'u' || i, 'n' || i, 'x', 'ok' from generate_series(1, 60) i;
insert into orders select i, i % 60 + 1, i, 'x', 'new', now(), 'c' || i, i, '10.0.0.0/8', now(), '1 day', b'1', '{a}', 'y', i
    from generate_series(1, 60) i;
insert into items select i, i, i, 'x' from generate_series(1, 60) i;
insert into logs select i, now(), 'x' from generate_series(1, 60) i;
insert into drafts select i, 'x' from generate_series(1, 60) i;
insert into contacts select i, 'a@b', i from generate_series(1, 60) i;
insert into bookings select i, tstzrange('2024-01-01'::timestamptz + i * interval '2 h', '2024-01-01'::timestamptz + i * interval '2 h' + interval '1 h')
    from generate_series(1, 60) i;
insert into sales.offers select i, i from generate_series(1, 60) i;
insert into events select i, '2024-01-01'::date + i, 'x' from generate_series(1, 60) i;
insert into events select i, '2020-01-01'::date + i, 'x' from generate_series(1, 60) i;
insert into meters select i, '2024-01-01'::date + i from generate_series(1, 60) i;
insert into meters_2025 select i, '2025-01-01'::date + i from generate_series(1, 60) i;
insert into meters_2026 select i, '2026-01-01'::date + i from generate_series(1, 60) i;
insert into base select i, 'x' from generate_series(1, 60) i;
insert into derived select i, 'x', 'y' from generate_series(1, 60) i;
refresh materialized view big_totals;
