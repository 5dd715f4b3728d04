-- expect: public."Sessions"
create table "Sessions" (id text primary key, "Data" json, extra json);
