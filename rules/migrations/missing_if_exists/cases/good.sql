create table if not exists t (a int);
drop index concurrently if exists i;
begin;
create table u (a int);
commit;
