create table sessions (id text primary key, data text);
create temporary table scratch (a int);
