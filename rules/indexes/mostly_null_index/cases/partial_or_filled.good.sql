-- params: {"min_size": "64kB"}
create table users (id bigint, deleted_at timestamptz, seen_at timestamptz);
insert into users select n, case when n % 20 = 0 then now() end, now() from generate_series(1, 20000) n;
create index on users (deleted_at) where deleted_at is not null;
create index on users (seen_at);
analyze users;
