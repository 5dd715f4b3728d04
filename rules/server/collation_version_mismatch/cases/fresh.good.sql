create table t (a text);
create index on t (a);
create index on t (a collate "C");
