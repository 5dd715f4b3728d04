create table t (a int, b int, primary key (a, b));
create index on t (b);
create index on t (a) where b = 1;
create index on t using hash (a);
