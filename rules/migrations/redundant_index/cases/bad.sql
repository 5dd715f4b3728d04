create table t (a int, b int, primary key (a, b));
-- expect
create index on t (a);
