-- expect: public."Sessions"
create unlogged table "Sessions" (id text primary key, data text);
