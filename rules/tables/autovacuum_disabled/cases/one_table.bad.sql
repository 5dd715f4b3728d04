-- expect: public."Queue"
create table "Queue" (id int primary key) with (autovacuum_enabled = false);
