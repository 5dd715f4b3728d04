create table sessions (id text primary key, expire timestamptz, day date);
