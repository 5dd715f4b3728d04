create table t (a jsonb);
