-- expect
create table t (a int);
-- expect
drop index concurrently i;
