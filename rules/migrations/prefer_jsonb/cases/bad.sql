-- expect
create table t (a json);
