create table cities (code text primary key, name text);
create table visits (id bigint, at timestamptz not null, primary key (id, at)) partition by range (at);
create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
create temporary table scratch (a int);
create view v as select * from cities;
create materialized view m as select * from cities;
