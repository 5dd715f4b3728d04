-- expect: public.users_deleted_at_idx
-- params: {"min_size": "64kB"}
create table users (id bigint, "deleted At" timestamptz);
insert into users select n, case when n % 20 = 0 then now() end from generate_series(1, 20000) n;
create index users_deleted_at_idx on users ("deleted At" desc);
analyze users;
