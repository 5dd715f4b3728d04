create table t (id int primary key);
insert into t select generate_series(1, 100);
