-- expect
create table t (a int);
