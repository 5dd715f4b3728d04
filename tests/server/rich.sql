-- One of everything that has broken a collector before: odd names, types, partitions, row security.
create extension if not exists pg_stat_statements;
create schema "Odd.schema ""x""";
create type mood as enum ('sad', 'it''s "ok"');
create domain short as varchar(20) check (length(value) > 0);
create domain shorter as short;
create type pair as (a int, b text);
create collation "my coll" (locale = 'C');
create table "we""ird; drop table x" (
    id int generated always as identity primary key,
    "ünï code" text collate "C" not null,
    "line
break" numeric(10, 2) default 3.5,
    doubled int generated always as (1 + 1) stored,
    "select" shorter,
    m mood default 'sad',
    p pair,
    r int4range,
    tags text[],
    doc jsonb,
    constraint "odd, constraint" check ("line
break" > 0)
);
comment on table "we""ird; drop table x" is 'it''s a "comment"; drop table x';
comment on column "we""ird; drop table x".doc is E'two\nlines';
create index "I.x (1)" on "we""ird; drop table x"
    (lower("ünï code"), ("ünï code" || '), ("' || '[') desc, id nulls first) include (doubled)
    where id > 0 and "ünï code" <> ''')';
create index on "we""ird; drop table x" ("ünï code" collate "my coll" text_pattern_ops desc nulls last);
create index on "we""ird; drop table x" using gin (tags, doc jsonb_path_ops) with (fastupdate = off);
create index on "we""ird; drop table x" using gist (r) with (fillfactor = 80);
create index on "we""ird; drop table x" using brin (id) with (pages_per_range = 16);
create index on "we""ird; drop table x" using hash (((p).b));
create index on "we""ird; drop table x" (coalesce("line
break", 0), (case when id > 1 then 'a,b' else 'c' end), (id::text), (array[id, 2]), ("select"));
create index on "we""ird; drop table x" using gin (to_tsvector('english', "ünï code"));
create table "Odd.schema ""x""".child (ref int references public."we""ird; drop table x" on delete cascade,
    exclude using gist (box(point(ref, ref), point(ref, ref)) with &&)) with (fillfactor = 70);
create table measure (at timestamptz not null, sensor int, value float8) partition by range (at);
create table measure_2024 partition of measure for values from ('2024-01-01') to ('2025-01-01')
    partition by hash (sensor);
create table measure_2024_0 partition of measure_2024 for values with (modulus 1, remainder 0);
create table measure_rest partition of measure default;
create index on measure (at desc, sensor);
create unique index on measure (sensor, at);
create table base_one (a int); create table base_two (b int);
create table heir (c int) inherits (base_one, base_two);
create table typed of pair (primary key (a));
create unlogged table scratch (a int);
create materialized view summary as select sensor, count(*) as n from measure group by 1;
create unique index on summary (sensor);
create view weird_view as select w.id, c.ref from "we""ird; drop table x" w join "Odd.schema ""x""".child c on c.ref = w.id;
create foreign data wrapper nowhere;
create server far foreign data wrapper nowhere;
create foreign table far_away (id int, note text) server far;
create sequence "Odd.schema ""x"""."Seq 1" as smallint increment by 7 cycle;
create temporary table only_mine (a int);
create table secured (id int primary key, owner text);
alter table secured enable row level security;
create policy own on secured using (owner = current_user);
insert into "we""ird; drop table x" ("ünï code", tags, doc, r, m, p)
    select 'ü' || n, array['a', 'b'], '{"a": 1}', int4range(n, n + 5), 'sad', row(n, 'x')::pair from generate_series(1, 1000) n;
insert into measure select '2024-01-01'::timestamptz + n * interval '1 hour', n % 7, n from generate_series(1, 2000) n;
insert into secured select n, 'x' from generate_series(1, 100) n;
insert into base_one select n from generate_series(1, 50) n;
refresh materialized view summary;
select nextval('"Odd.schema ""x"""."Seq 1"');
analyze;
