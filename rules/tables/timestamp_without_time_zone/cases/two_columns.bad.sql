-- expect: database
create table sessions (id text primary key, expire timestamp, created timestamp(3));
